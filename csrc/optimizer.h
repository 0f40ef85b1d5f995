// Optimizer updates: one pass over flat buffers, in place. Part of fastrnn.h. Keras' formulas.
//
// All arrays are contiguous, of `count` elements, and do not overlap; T is float or double.
#pragma once

#include <cstddef>

namespace fastrnn {

// v = momentum v - lr g; w += v, with nesterov w += momentum v - lr g; without v: w -= lr g.
template <class T>
struct SgdUpdate {
  std::ptrdiff_t count;
  T* params;       // in/out w
  const T* grads;  // in g
  T* velocity;     // in/out v, or null
  double lr;
  double momentum;
  bool nesterov;
};

// v = rho v + (1 - rho) g^2; w -= lr g / sqrt(v + epsilon).
// With a mean: a = rho a + (1 - rho) g, and v - a^2 in place of v under the root.
// With momentum: m = momentum m + lr g / sqrt(...); w -= m.
template <class T>
struct RmspropUpdate {
  std::ptrdiff_t count;
  T* params;       // in/out w
  const T* grads;  // in g
  T* v;            // in/out
  T* mean_grad;    // in/out a, or null
  T* momentums;    // in/out m, or null
  double lr;
  double rho;
  double momentum;
  double epsilon;
};

// m += (1 - beta_1)(g - m); v += (1 - beta_2)(g^2 - v); w -= rate m / (sqrt(v) + epsilon),
// rate = lr sqrt(1 - beta_2^step) / (1 - beta_1^step). Kingma & Ba 2015, section 2, last lines.
// With v_max (AMSGrad, Reddi et al. 2018): v_max = max(v_max, v) stands under the root.
template <class T>
struct AdamUpdate {
  std::ptrdiff_t count;
  T* params;       // in/out w
  const T* grads;  // in g
  T* m;            // in/out
  T* v;            // in/out
  T* v_max;        // in/out, or null
  double rate;     // with the bias corrections
  double beta_1;
  double beta_2;
  double epsilon;
};

template <class T>
void sgd_update(const SgdUpdate<T>& update);
template <class T>
void rmsprop_update(const RmspropUpdate<T>& update);
template <class T>
void adam_update(const AdamUpdate<T>& update);

// One instruction set's copies of the functions above.
template <class T>
struct OptimizerFunctions {
  void (*sgd)(const SgdUpdate<T>&);
  void (*rmsprop)(const RmspropUpdate<T>&);
  void (*adam)(const AdamUpdate<T>&);
};

struct OptimizerTable {
  OptimizerFunctions<float> f32;
  OptimizerFunctions<double> f64;
};

}  // namespace fastrnn
