// Optimizer updates: one pass over flat buffers, in place. Part of fastrnn.h. Keras' formulas.
//
// All arrays are contiguous, of `count` elements, and do not overlap; T is float or double. Large
// arrays are shared among threads; results do not depend on their number.
#pragma once

#include <cstddef>

namespace fastrnn {

// The rules, their state arrays and their numbers, in order. t counts steps from 1.
enum class UpdateRule : int {
  // v or null; lr, momentum, nesterov (0 or 1).
  // v = momentum v - lr g; w += v, with nesterov w += momentum v - lr g; without v: w -= lr g.
  kSgd,
  // v, a or null, m or null; lr, rho, momentum, epsilon.
  // v = rho v + (1 - rho) g^2; w -= lr g / sqrt(v + epsilon).
  // With a = rho a + (1 - rho) g, v - a^2 stands in place of v under the root.
  // With m = momentum m + lr g / sqrt(...), w -= m.
  kRmsprop,
  // m, v, v_max or null; rate = lr sqrt(1 - beta_2^t) / (1 - beta_1^t), beta_1, beta_2, epsilon.
  // m += (1 - beta_1)(g - m); v += (1 - beta_2)(g^2 - v); w -= rate m / (sqrt(v) + epsilon).
  // Kingma & Ba 2015, section 2, last lines. With v_max = max(v_max, v), that stands under the
  // root (AMSGrad, Reddi et al. 2018).
  kAdam,
  // m, v as for Adam; p, q, r, beta_1, beta_2, epsilon. w -= (p m + q g) / (sqrt(r v) + epsilon).
  // Dozat 2016, with the bias corrections in p, q and r.
  kNadam,
  // m as for Adam, u; rate = lr / (1 - beta_1^t), beta_1, beta_2, epsilon.
  // u = max(beta_2 u, |g|); w -= rate m / (u + epsilon). Kingma & Ba 2015, section 7.1.
  kAdamax,
  // a; lr, epsilon. a += g^2; w -= lr g / sqrt(a + epsilon). Duchi et al. 2011.
  kAdagrad,
  // a, d; lr, rho, epsilon. a = rho a + (1 - rho) g^2; s = g sqrt(d + epsilon) / sqrt(a + epsilon);
  // d = rho d + (1 - rho) s^2; w -= lr s. Zeiler 2012.
  kAdadelta,
  // a, z; lr, power, l1, l2, shrinkage. b = a + g^2;
  // z += g + 2 shrinkage w - (b^power - a^power) / lr w; a = b;
  // w = (clip(z, -l1, l1) - z) / (b^power / lr + 2 l2). McMahan et al. 2013.
  kFtrl,
  // m; lr, beta_1, beta_2. w -= lr sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g.
  // Chen et al. 2023.
  kLion,
};

template <class T>
struct OptimizerUpdate {
  UpdateRule rule;
  std::ptrdiff_t count;
  T* params;          // in/out w
  const T* grads;     // in g
  T* state[3];        // in/out, as the rule has them
  double scale;       // before the rule g = scale g,
  double limit;       // cut off at -limit and limit,
  double keep;        // and w = keep w
  double numbers[6];  // as the rule has them
};

template <class T>
void optimizer_update(const OptimizerUpdate<T>& update);

// average = momentum average + (1 - momentum) w. average in/out, params in.
template <class T>
void average_update(std::ptrdiff_t count, T* average, const T* params, double momentum);

// Sum of squares. x in.
template <class T>
double square_sum(std::ptrdiff_t count, const T* x);

// Returns l1 sum |w| + l2 sum w^2 and adds its gradient l1 sign(w) + 2 l2 w. params in, grads
// in/out or null.
template <class T>
double penalty(std::ptrdiff_t count, const T* params, T* grads, double l1, double l2);

// One instruction set's copies of the functions above.
template <class T>
struct OptimizerFunctions {
  void (*update)(const OptimizerUpdate<T>&);
  void (*average)(std::ptrdiff_t, T*, const T*, double);
  double (*square_sum)(std::ptrdiff_t, const T*);
  double (*penalty)(std::ptrdiff_t, const T*, T*, double, double);
};

struct OptimizerTable {
  OptimizerFunctions<float> f32;
  OptimizerFunctions<double> f64;
};

}  // namespace fastrnn
