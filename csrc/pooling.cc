// pooling.h's functions, for the machine's instruction set.
#include "pooling.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(PoolingTable, pooling_table, (), ())

template <class T>
void pool_forward(const PoolForward<T>& args) {
  functions<T>(pooling_table()).forward(args);
}

template <class T>
void pool_backward(const PoolBackward<T>& args) {
  functions<T>(pooling_table()).backward(args);
}

#define FASTRNN_INSTANTIATE(T)                          \
  template void pool_forward<T>(const PoolForward<T>&); \
  template void pool_backward<T>(const PoolBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
