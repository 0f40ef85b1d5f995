// fastrnn.h's dense functions, for the machine's instruction set.
#include "cpu/tables.h"
#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(DenseTable, dense_table, (), ())

template <class T>
void dense_forward(const DenseForward<T>& args) {
  functions<T>(dense_table()).forward(args);
}

template <class T>
void dense_backward(const DenseBackward<T>& args) {
  functions<T>(dense_table()).backward(args);
}

#define FASTRNN_INSTANTIATE(T)                            \
  template void dense_forward<T>(const DenseForward<T>&); \
  template void dense_backward<T>(const DenseBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
