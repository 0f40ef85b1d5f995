// rectifier.h's functions, for the machine's instruction set.
#include "rectifier.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(RectifierTable, rectifier_table, (), ())

template <class T>
void relu(const Rectifier<T>& args) {
  functions<T>(rectifier_table()).relu(args);
}

template <class T>
void relu_backward(const Rectifier<T>& args) {
  functions<T>(rectifier_table()).relu_backward(args);
}

template <class T>
void prelu(const Prelu<T>& args) {
  functions<T>(rectifier_table()).prelu(args);
}

template <class T>
void prelu_backward(const PreluBackward<T>& args) {
  functions<T>(rectifier_table()).prelu_backward(args);
}

#define FASTRNN_INSTANTIATE(T)                         \
  template void relu<T>(const Rectifier<T>&);          \
  template void relu_backward<T>(const Rectifier<T>&); \
  template void prelu<T>(const Prelu<T>&);             \
  template void prelu_backward<T>(const PreluBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
