// gather.h's functions, for the machine's instruction set.
#include "gather.h"

#include <type_traits>

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(GatherTable, gather_table, (), ())

namespace {

template <class T>
const GatherFunctions<T>& functions() {
  if constexpr (std::is_same_v<T, float>) {
    return gather_table()->f32;
  } else {
    return gather_table()->f64;
  }
}

}  // namespace

template <class T>
void embedding(const Embedding<T>& args) {
  functions<T>().embedding(args);
}

template <class T>
void embedding_backward(const EmbeddingBackward<T>& args) {
  functions<T>().embedding_backward(args);
}

template <class T>
void interpolate(const Interpolation<T>& args) {
  functions<T>().interpolate(args);
}

template <class T>
void interpolate_backward(const Interpolation<T>& args) {
  functions<T>().interpolate_backward(args);
}

#define FASTRNN_INSTANTIATE(T)                                      \
  template void embedding<T>(const Embedding<T>&);                  \
  template void embedding_backward<T>(const EmbeddingBackward<T>&); \
  template void interpolate<T>(const Interpolation<T>&);            \
  template void interpolate_backward<T>(const Interpolation<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
