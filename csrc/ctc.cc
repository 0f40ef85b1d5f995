// ctc.h's loss, for the machine's instruction set.
#include "ctc.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(CtcTable, ctc_table, (), ())

template <>
void ctc_loss<float>(const CtcLoss<float>& args) {
  ctc_table()->loss_float(args);
}

template <>
void ctc_loss<double>(const CtcLoss<double>& args) {
  ctc_table()->loss_double(args);
}

}  // namespace fastrnn
