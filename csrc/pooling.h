// Pooling over up to three spatial axes. Part of fastrnn.h.
//
// All arrays are contiguous, channels last: x (batch, in..., channels), y (batch, out...,
// channels). T is float or double. Sizes are positive, and every window holds at least one pixel of
// x. No output overlaps an input.
#pragma once

#include <cstddef>

namespace fastrnn {

// Axes: depth, height, width. With fewer the leading ones have size, window and stride 1.
struct PoolShape {
  int batch;
  int in[3];
  int out[3];
  int window[3];
  int stride[3];
  int before[3];  // padding in front of x, which no window counts
  int channels;
};

// Max: NaN wins. Mean: over the window's pixels inside x. Sum: the same, not divided; with strides
// of the window's size its backward is up-sampling by repetition.
enum class PoolKind : int { kMax = 0, kMean = 1, kSum = 2 };

template <class T>
struct PoolForward {
  PoolShape shape;
  PoolKind kind;
  const T* x;
  T* y;
};

// Max: the first of a window's maxima, in memory order, receives the gradient.
template <class T>
struct PoolBackward {
  PoolShape shape;
  PoolKind kind;
  const T* dy;
  const T* x;  // in, max only
  const T* y;  // in, max only: what forward gave
  T* dx;       // out
};

template <class T>
void pool_forward(const PoolForward<T>& args);
template <class T>
void pool_backward(const PoolBackward<T>& args);

// One instruction set's copies of the functions above.
template <class T>
struct PoolingFunctions {
  void (*forward)(const PoolForward<T>&);
  void (*backward)(const PoolBackward<T>&);
};

struct PoolingTable {
  PoolingFunctions<float> f32;
  PoolingFunctions<double> f64;
};

}  // namespace fastrnn
