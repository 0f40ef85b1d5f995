// pooling.h's functions, for the machine's instruction set.
#include "pooling.h"

#include <type_traits>

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(PoolingTable, pooling_table, (), ())

namespace {

template <class T>
const PoolingFunctions<T>& functions() {
  if constexpr (std::is_same_v<T, float>) {
    return pooling_table()->f32;
  } else {
    return pooling_table()->f64;
  }
}

}  // namespace

template <class T>
void pool_forward(const PoolForward<T>& args) {
  functions<T>().forward(args);
}

template <class T>
void pool_backward(const PoolBackward<T>& args) {
  functions<T>().backward(args);
}

#define FASTRNN_INSTANTIATE(T)                          \
  template void pool_forward<T>(const PoolForward<T>&); \
  template void pool_backward<T>(const PoolBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
