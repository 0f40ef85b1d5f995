// Activations and losses over whole arrays. Part of fastrnn.h.
//
// All arrays are contiguous; T is float or double. No output overlaps an input or another output.
// Large arrays are shared among threads; results do not depend on their number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "activation.h"

namespace fastrnn {

// y = activation(x). x in (count), y out (count). parameter: see default_parameter.
template <class T>
void activation_forward(Activation activation, double parameter, std::ptrdiff_t count, const T* x,
                        T* y);

// dx = dy * activation'. dy in (count), dx out (count); x, y in (count): one of them may be null,
// y must not be null with x null, and x must be given unless is_fused(activation).
template <class T>
void activation_backward(Activation activation, double parameter, std::ptrdiff_t count, const T* dy,
                         const T* x, const T* y, T* dx);

// y = activation of each row. x in (rows, columns), y out (rows, columns); glu: x (rows, 2
// columns).
template <class T>
void row_activation_forward(RowActivation activation, std::ptrdiff_t rows, std::ptrdiff_t columns,
                            const T* x, T* y);

// dy in (rows, columns). saved in: y (rows, columns); glu: x (rows, 2 columns). dx out, like x.
template <class T>
void row_activation_backward(RowActivation activation, std::ptrdiff_t rows, std::ptrdiff_t columns,
                             const T* dy, const T* saved, T* dx);

// loss[r] = -log softmax(logits[r])[labels[r]], dlogits = softmax(logits) - onehot(labels).
// logits in (rows, classes), labels in (rows) within [0, classes), loss out (rows), dlogits out
// (rows, classes).
template <class T>
void softmax_cross_entropy(std::ptrdiff_t rows, std::ptrdiff_t classes, const T* logits,
                           const std::int64_t* labels, T* loss, T* dlogits);

// The same with probabilities p in (rows, classes): loss = -sum p log softmax, dlogits = softmax -
// p.
template <class T>
void softmax_cross_entropy(std::ptrdiff_t rows, std::ptrdiff_t classes, const T* logits,
                           const T* targets, T* loss, T* dlogits);

// loss = -p log s - (1 - p) log(1 - s), dlogits = s - p, s = sigmoid(logits). All (count).
template <class T>
void sigmoid_cross_entropy(std::ptrdiff_t count, const T* logits, const T* targets, T* loss,
                           T* dlogits);

// How far a prediction is off, by the error e = prediction - truth.
enum class Distance : int {
  kSquared = 0,   // e^2
  kAbsolute = 1,  // |e|
  kHuber = 2,     // e^2 / 2 up to |e| = delta, delta (|e| - delta / 2) beyond
  kLogCosh = 3    // log(cosh(e))
};

// loss[r] = the mean of the distances of row r, gradient = that of loss[r] by its predictions.
// truth, prediction in (rows, columns), loss out (rows), gradient out (rows, columns). columns > 0.
template <class T>
void distance_loss(Distance distance, double delta, std::ptrdiff_t rows, std::ptrdiff_t columns,
                   const T* truth, const T* prediction, T* loss, T* gradient);

// One instruction set's copies of the functions above.
template <class T>
struct ElementwiseFunctions {
  void (*activation_forward)(Activation, double, std::ptrdiff_t, const T*, T*);
  void (*activation_backward)(Activation, double, std::ptrdiff_t, const T*, const T*, const T*, T*);
  void (*row_activation_forward)(RowActivation, std::ptrdiff_t, std::ptrdiff_t, const T*, T*);
  void (*row_activation_backward)(RowActivation, std::ptrdiff_t, std::ptrdiff_t, const T*, const T*,
                                  T*);
  void (*label_cross_entropy)(std::ptrdiff_t, std::ptrdiff_t, const T*, const std::int64_t*, T*,
                              T*);
  void (*softmax_cross_entropy)(std::ptrdiff_t, std::ptrdiff_t, const T*, const T*, T*, T*);
  void (*sigmoid_cross_entropy)(std::ptrdiff_t, const T*, const T*, T*, T*);
  void (*distance_loss)(Distance, double, std::ptrdiff_t, std::ptrdiff_t, const T*, const T*, T*,
                        T*);
};

struct ElementwiseTable {
  ElementwiseFunctions<float> f32;
  ElementwiseFunctions<double> f64;
};

}  // namespace fastrnn
