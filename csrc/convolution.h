// Convolution over up to three spatial axes. Part of fastrnn.h.
//
// All arrays are contiguous, channels last: x (batch, in..., channels), y (batch, out..., filters),
// kernel (kernel..., channels / groups, filters). T is float or double. Sizes are positive.
//
// y[o, f] = bias[f] + sum over taps k and channels c of f's group:
//   x[o * stride - before + k * dilation, c] kernel[k, c, f], with zeros outside of x.
#pragma once

#include "activation.h"

namespace fastrnn {

// Axes: depth, height, width. With fewer the leading ones are of size 1, stride 1, dilation 1.
struct ConvShape {
  int batch;
  int in[3];
  int out[3];
  int kernel[3];
  int stride[3];
  int dilation[3];
  int before[3];  // zeros in front of x; behind it as many as the last output pixel reads
  int channels;
  int filters;
  int groups;
};

// Direct: the product's rows are pixels of x where they lie. Im2col: patches are written out first.
// Winograd: fewer multiplications, for 3x3 kernels at stride 1 that are neither spread nor grouped.
// Auto: by the shape. The kernel's gradient knows no im2col: it is direct then.
enum class ConvAlgorithm : int { kAuto = 0, kDirect = 1, kIm2col = 2, kWinograd = 3 };

// y = activation(convolution + bias)
template <class T>
struct ConvForward {
  ConvShape shape;
  ConvAlgorithm algorithm;
  const T* x;
  const T* kernel;
  const T* bias;  // (filters), or null
  T* y;
  Activation activation;
};

// The gradient of x: dx = the transposed convolution of dz, the gradient of the sums. The forward
// pass of a transposed convolution is the same, with a bias and an activation.
template <class T>
struct ConvInput {
  ConvShape shape;
  ConvAlgorithm algorithm;
  const T* dz;
  const T* kernel;
  const T* bias;  // (channels), or null
  T* dx;
  Activation activation;
};

// The gradients of the kernel and of the bias, from that of the output: dz = dy times the
// activation's derivative where it gave y.
template <class T>
struct ConvWeights {
  ConvShape shape;
  ConvAlgorithm algorithm;
  const T* x;
  const T* dy;
  const T* y;  // null for a linear activation, and for depthwise: dy is dz
  Activation activation;
  T* dz;  // out, where y is given; or null where nobody needs it
  T* dkernel;
  T* dbias;  // (filters), or null
};

// What conv_forward does by itself.
ConvAlgorithm conv_algorithm(const ConvShape& shape);

template <class T>
void conv_forward(const ConvForward<T>& args);
template <class T>
void conv_input(const ConvInput<T>& args);
template <class T>
void conv_weights(const ConvWeights<T>& args);

// One instruction set's copies of the functions above: for whole groups of channels, and for
// groups of a single channel each (depthwise).
template <class T>
struct ConvFunctions {
  void (*forward)(const ConvForward<T>&);
  void (*input)(const ConvInput<T>&);
  void (*weights)(const ConvWeights<T>&);
};

struct ConvTable {
  ConvFunctions<float> f32;
  ConvFunctions<double> f64;
  ConvAlgorithm (*algorithm)(const ConvShape&);
};

}  // namespace fastrnn
