// normalization.h's functions, for the machine's instruction set.
#include "normalization.h"

#include <cmath>

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
void batch_normalize_training(const BatchNormalizeTraining<T>& args) {
  // The variance lies where rstd will.
  batch_statistics(BatchStatistics<T>{args.rows, args.channels, args.x, args.mean, args.rstd});
  const auto follow = [&](T moving, double batch) {
    return static_cast<T>(args.momentum * static_cast<double>(moving) +
                          (1 - args.momentum) * batch);
  };
  for (std::ptrdiff_t c = 0; c < args.channels; ++c) {
    args.moving_mean[c] = follow(args.moving_mean[c], args.mean[c]);
    args.moving_variance[c] = follow(args.moving_variance[c], args.rstd[c]);
    args.rstd[c] = 1 / std::sqrt(args.rstd[c] + args.epsilon);
  }
  batch_normalize(BatchNormalize<T>{args.rows, args.channels, args.x, args.gamma, args.beta,
                                    args.mean, args.rstd, args.y});
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
  template void batch_normalize_training<T>(const BatchNormalizeTraining<T>&); \
  template void batch_normalize_backward<T>(const BatchNormalizeBackward<T>&); \
  template void layer_normalize<T>(const LayerNormalize<T>&);                  \
  template void layer_normalize_backward<T>(const LayerNormalizeBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
