// gather.h's functions, for the machine's instruction set.
#include "gather.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(GatherTable, gather_table, (), ())

template <class T>
void embedding(const Embedding<T>& args) {
  functions<T>(gather_table()).embedding(args);
}

template <class T>
void embedding_backward(const EmbeddingBackward<T>& args) {
  functions<T>(gather_table()).embedding_backward(args);
}

template <class T>
void interpolate(const Interpolation<T>& args) {
  functions<T>(gather_table()).interpolate(args);
}

template <class T>
void interpolate_backward(const Interpolation<T>& args) {
  functions<T>(gather_table()).interpolate_backward(args);
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
