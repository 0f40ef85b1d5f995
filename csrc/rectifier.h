// Rectifiers with parameters: relu with a slope, a threshold and a maximum, and PReLU. Part of
// fastrnn.h.
//
// All arrays are contiguous; T is float or double. No output overlaps an input.
#pragma once

#include <cstddef>

namespace fastrnn {

// y = x from the threshold on, but at most `maximum`; negative_slope (x - threshold) below it.
template <class T>
struct Rectifier {
  std::ptrdiff_t count;
  double negative_slope, threshold, maximum;  // maximum: infinity for none
  const T* x;                                 // in (count)
  const T* dy;                                // in (count); backward only
  T* out;                                     // out (count): y, or dx
};

// y = x above 0, alpha x elsewhere; each column of x has its alpha (He et al. 2015).
template <class T>
struct Prelu {
  std::ptrdiff_t rows, columns;
  const T* x;      // in (rows, columns)
  const T* alpha;  // in (columns)
  T* y;            // out (rows, columns)
};

template <class T>
struct PreluBackward {
  std::ptrdiff_t rows, columns;
  const T* x;
  const T* alpha;
  const T* dy;  // in (rows, columns)
  T* dx;        // out (rows, columns)
  T* dalpha;    // out (columns)
};

template <class T>
void relu(const Rectifier<T>& args);
template <class T>
void relu_backward(const Rectifier<T>& args);
template <class T>
void prelu(const Prelu<T>& args);
template <class T>
void prelu_backward(const PreluBackward<T>& args);

// One instruction set's copies of the functions above.
template <class T>
struct RectifierFunctions {
  void (*relu)(const Rectifier<T>&);
  void (*relu_backward)(const Rectifier<T>&);
  void (*prelu)(const Prelu<T>&);
  void (*prelu_backward)(const PreluBackward<T>&);
};

struct RectifierTable {
  RectifierFunctions<float> f32;
  RectifierFunctions<double> f64;
};

}  // namespace fastrnn
