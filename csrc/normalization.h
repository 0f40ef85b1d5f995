// Batch and layer normalization. Part of fastrnn.h.
//
// x is a matrix (rows, channels), contiguous; gamma and beta are (channels), or null for ones and
// zeros. T is float or double. No output overlaps an input. Sums over rows are taken block by
// block, each about its own mean, and merged in double, in an order that depends on the shape
// alone.
#pragma once

#include <cstddef>

namespace fastrnn {

// Mean and variance (divided by rows) of every channel.
template <class T>
struct BatchStatistics {
  std::ptrdiff_t rows, channels;
  const T* x;
  double* mean;      // out (channels)
  double* variance;  // out (channels)
};

// y = (x - mean) rstd gamma + beta, rstd = 1 / sqrt(variance + epsilon).
template <class T>
struct BatchNormalize {
  std::ptrdiff_t rows, channels;
  const T* x;
  const T* gamma;
  const T* beta;
  const double* mean;  // in (channels)
  const double* rstd;  // in (channels)
  T* y;
};

// Both in one call; running averages go along: moving = momentum moving + (1 - momentum) batch's.
template <class T>
struct BatchNormalizeTraining {
  std::ptrdiff_t rows, channels;
  double epsilon, momentum;
  const T* x;
  const T* gamma;
  const T* beta;
  T* moving_mean;      // in, out (channels)
  T* moving_variance;  // in, out (channels)
  double* mean;        // out (channels)
  double* rstd;        // out (channels)
  T* y;
};

// Of BatchNormalize with x's own statistics.
template <class T>
struct BatchNormalizeBackward {
  std::ptrdiff_t rows, channels;
  const T* x;
  const T* dy;
  const T* gamma;
  const double* mean;
  const double* rstd;
  T* dx;
  T* dgamma;  // out (channels)
  T* dbeta;   // out (channels)
};

// The same over each row's own channels.
template <class T>
struct LayerNormalize {
  std::ptrdiff_t rows, channels;
  double epsilon;
  const T* x;
  const T* gamma;
  const T* beta;
  T* y;
  T* mean;  // out (rows) and
  T* rstd;  // out (rows), or both null: no backward will follow
};

template <class T>
struct LayerNormalizeBackward {
  std::ptrdiff_t rows, channels;
  const T* x;
  const T* dy;
  const T* gamma;
  const T* mean;  // in (rows)
  const T* rstd;  // in (rows)
  T* dx;
  T* dgamma;  // out (channels)
  T* dbeta;   // out (channels)
};

template <class T>
void batch_statistics(const BatchStatistics<T>& args);
template <class T>
void batch_normalize(const BatchNormalize<T>& args);
template <class T>
void batch_normalize_training(const BatchNormalizeTraining<T>& args);
template <class T>
void batch_normalize_backward(const BatchNormalizeBackward<T>& args);
template <class T>
void layer_normalize(const LayerNormalize<T>& args);
template <class T>
void layer_normalize_backward(const LayerNormalizeBackward<T>& args);

// One instruction set's copies of the functions above.
template <class T>
struct BatchNormFunctions {
  void (*statistics)(const BatchStatistics<T>&);
  void (*forward)(const BatchNormalize<T>&);
  void (*backward)(const BatchNormalizeBackward<T>&);
};

template <class T>
struct LayerNormFunctions {
  void (*forward)(const LayerNormalize<T>&);
  void (*backward)(const LayerNormalizeBackward<T>&);
};

struct BatchNormTable {
  BatchNormFunctions<float> f32;
  BatchNormFunctions<double> f64;
};

struct LayerNormTable {
  LayerNormFunctions<float> f32;
  LayerNormFunctions<double> f64;
};

}  // namespace fastrnn
