// Optimizer updates on flat buffers: optimizer.h has the formulas.
#include "optimizer.h"

#include "cpu/slices.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr double kUpdateWork = 8;  // operations an element, roughly

template <class T>
void sgd(const SgdUpdate<T>& u) {
  const Vec<T> lr = set1(static_cast<T>(u.lr)), momentum = set1(static_cast<T>(u.momentum));
  if (!u.velocity) {
    share_slices<T>(u.count, kUpdateWork,
                    [&](auto s) { s.put(u.params, s.get(u.params) - lr * s.get(u.grads)); });
    return;
  }
  share_slices<T>(u.count, kUpdateWork, [&](auto s) {
    const Vec<T> step = lr * s.get(u.grads);
    const Vec<T> v = momentum * s.get(u.velocity) - step;
    s.put(u.velocity, v);
    s.put(u.params, s.get(u.params) + (u.nesterov ? momentum * v - step : v));
  });
}

template <class T>
void rmsprop(const RmspropUpdate<T>& u) {
  const Vec<T> lr = set1(static_cast<T>(u.lr)), momentum = set1(static_cast<T>(u.momentum));
  const Vec<T> rho = set1(static_cast<T>(u.rho)), rest = set1(static_cast<T>(1 - u.rho));
  const Vec<T> epsilon = set1(static_cast<T>(u.epsilon));
  share_slices<T>(u.count, kUpdateWork, [&](auto s) {
    const Vec<T> g = s.get(u.grads);
    const Vec<T> v = rho * s.get(u.v) + rest * g * g;
    s.put(u.v, v);
    Vec<T> variance = v + epsilon;
    if (u.mean_grad) {
      const Vec<T> mean = rho * s.get(u.mean_grad) + rest * g;
      s.put(u.mean_grad, mean);
      variance = (v - mean * mean) + epsilon;
    }
    Vec<T> step = lr * g / vsqrt(variance);
    if (u.momentums) {
      step += momentum * s.get(u.momentums);
      s.put(u.momentums, step);
    }
    s.put(u.params, s.get(u.params) - step);
  });
}

template <class T>
void adam(const AdamUpdate<T>& u) {
  const Vec<T> rate = set1(static_cast<T>(u.rate)), epsilon = set1(static_cast<T>(u.epsilon));
  const Vec<T> rest_1 = set1(static_cast<T>(1 - u.beta_1));
  const Vec<T> rest_2 = set1(static_cast<T>(1 - u.beta_2));
  share_slices<T>(u.count, kUpdateWork, [&](auto s) {
    const Vec<T> g = s.get(u.grads);
    Vec<T> m = s.get(u.m);
    Vec<T> v = s.get(u.v);
    m += rest_1 * (g - m);
    v += rest_2 * (g * g - v);
    s.put(u.m, m);
    s.put(u.v, v);
    if (u.v_max) {
      v = vmax<T>(s.get(u.v_max), v);
      s.put(u.v_max, v);
    }
    s.put(u.params, s.get(u.params) - rate * m / (vsqrt(v) + epsilon));
  });
}

template <class T>
constexpr OptimizerFunctions<T> kFunctions = {sgd<T>, rmsprop<T>, adam<T>};

}  // namespace

const OptimizerTable* optimizer_table() {
  static constexpr OptimizerTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
