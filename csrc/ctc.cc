// ctc.h's loss, for the machine's instruction set.
#include "ctc.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(CtcTable, ctc_table, (), ())

template <class T>
void ctc_loss(const CtcLoss<T>& args) {
  functions<T>(ctc_table())(args);
}

template void ctc_loss<float>(const CtcLoss<float>&);
template void ctc_loss<double>(const CtcLoss<double>&);

}  // namespace fastrnn
