// normalization.h's functions, for the machine's instruction set.
#include "normalization.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(BatchNormTable, batch_norm_table, (), ())
FASTRNN_DISPATCH(LayerNormTable, layer_norm_table, (), ())

template <class T>
void batch_statistics(const BatchStatistics<T>& args) {
  functions<T>(batch_norm_table()).statistics(args);
}

template <class T>
void batch_normalize(const BatchNormalize<T>& args) {
  functions<T>(batch_norm_table()).forward(args);
}

template <class T>
void batch_normalize_backward(const BatchNormalizeBackward<T>& args) {
  functions<T>(batch_norm_table()).backward(args);
}

template <class T>
void layer_normalize(const LayerNormalize<T>& args) {
  functions<T>(layer_norm_table()).forward(args);
}

template <class T>
void layer_normalize_backward(const LayerNormalizeBackward<T>& args) {
  functions<T>(layer_norm_table()).backward(args);
}

#define FASTRNN_INSTANTIATE(T)                                                 \
  template void batch_statistics<T>(const BatchStatistics<T>&);                \
  template void batch_normalize<T>(const BatchNormalize<T>&);                  \
  template void batch_normalize_backward<T>(const BatchNormalizeBackward<T>&); \
  template void layer_normalize<T>(const LayerNormalize<T>&);                  \
  template void layer_normalize_backward<T>(const LayerNormalizeBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
