// Optimizer updates on flat buffers: optimizer.h has the formulas.
#include "optimizer.h"

#include "cpu/slices.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr double kUpdateWork = 8;  // operations an element, roughly

template <class T>
Vec<T> number(const OptimizerUpdate<T>& u, int i) {
  return set1(static_cast<T>(u.numbers[i]));
}

// 1 - numbers[i], exact to the last bit: a decay rate is near 1.
template <class T>
Vec<T> rest(const OptimizerUpdate<T>& u, int i) {
  return set1(static_cast<T>(1 - u.numbers[i]));
}

// w = rule(slice, w, g) for all elements, where g is cut and w shrunk already.
template <class T, class Rule>
FASTRNN_INLINE void sweep(const OptimizerUpdate<T>& u, const Rule& rule) {
  const Vec<T> scale = set1(static_cast<T>(u.scale)), keep = set1(static_cast<T>(u.keep));
  const Vec<T> high = set1(static_cast<T>(u.limit)), low = -high;
  share_slices<T>(u.count, kUpdateWork, [&](auto s) {
    const Vec<T> g = vmin<T>(high, vmax<T>(low, scale * s.get(u.grads)));  // NaN stays
    s.put(u.params, rule(s, keep * s.get(u.params), g));
  });
}

// p + share (x - p), written back: a running mean.
template <class T, class S>
FASTRNN_INLINE Vec<T> follow(S s, T* p, Vec<T> share, Vec<T> x) {
  Vec<T> mean = s.get(p);
  mean += share * (x - mean);
  s.put(p, mean);
  return mean;
}

template <class T, class S>
FASTRNN_INLINE Vec<T> mix(S s, T* p, Vec<T> old, Vec<T> share, Vec<T> x) {
  const Vec<T> mean = old * s.get(p) + share * x;
  s.put(p, mean);
  return mean;
}

template <class T>
FASTRNN_INLINE Vec<T> sign(Vec<T> x) {  // of 0 and NaN, themselves
  const Vec<T> one = set1(T(1)), zero = {};
  return select<T>(x > zero, one, select<T>(x < zero, -one, x));
}

template <class T>
FASTRNN_INLINE Vec<T> absolute(Vec<T> x) {
  return vmax<T>(-x, x);
}

template <class T>
void sgd(const OptimizerUpdate<T>& u) {
  const Vec<T> lr = number(u, 0), momentum = number(u, 1);
  const bool nesterov = u.numbers[2] != 0;
  T* velocity = u.state[0];
  if (!velocity) {
    sweep(u, [&](auto, Vec<T> w, Vec<T> g) { return w - lr * g; });
    return;
  }
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    const Vec<T> step = lr * g;
    const Vec<T> v = momentum * s.get(velocity) - step;
    s.put(velocity, v);
    return w + (nesterov ? momentum * v - step : v);
  });
}

template <class T>
void rmsprop(const OptimizerUpdate<T>& u) {
  const Vec<T> lr = number(u, 0), rho = number(u, 1), rest_rho = rest(u, 1);
  const Vec<T> momentum = number(u, 2), epsilon = number(u, 3);
  T *mean_grad = u.state[1], *momentums = u.state[2];
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    const Vec<T> v = mix(s, u.state[0], rho, rest_rho, g * g);
    Vec<T> variance = v + epsilon;
    if (mean_grad) {
      const Vec<T> mean = mix(s, mean_grad, rho, rest_rho, g);
      variance = (v - mean * mean) + epsilon;
    }
    const Vec<T> step = lr * g / vsqrt(variance);
    return w - (momentums ? mix(s, momentums, momentum, set1(T(1)), step) : step);
  });
}

template <class T>
void adam(const OptimizerUpdate<T>& u) {
  const Vec<T> rate = number(u, 0), rest_1 = rest(u, 1), rest_2 = rest(u, 2);
  const Vec<T> epsilon = number(u, 3);
  T* v_max = u.state[2];
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    const Vec<T> m = follow(s, u.state[0], rest_1, g);
    Vec<T> v = follow(s, u.state[1], rest_2, g * g);
    if (v_max) {
      v = vmax<T>(s.get(v_max), v);
      s.put(v_max, v);
    }
    return w - rate * m / (vsqrt(v) + epsilon);
  });
}

template <class T>
void nadam(const OptimizerUpdate<T>& u) {
  const Vec<T> p = number(u, 0), q = number(u, 1), r = number(u, 2);
  const Vec<T> rest_1 = rest(u, 3), rest_2 = rest(u, 4), epsilon = number(u, 5);
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    const Vec<T> m = follow(s, u.state[0], rest_1, g);
    const Vec<T> v = follow(s, u.state[1], rest_2, g * g);
    return w - (p * m + q * g) / (vsqrt(r * v) + epsilon);
  });
}

template <class T>
void adamax(const OptimizerUpdate<T>& u) {
  const Vec<T> rate = number(u, 0), rest_1 = rest(u, 1), beta_2 = number(u, 2);
  const Vec<T> epsilon = number(u, 3);
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    const Vec<T> m = follow(s, u.state[0], rest_1, g);
    const Vec<T> norm = vmax<T>(beta_2 * s.get(u.state[1]), absolute<T>(g));
    s.put(u.state[1], norm);
    return w - rate * m / (norm + epsilon);
  });
}

template <class T>
void adagrad(const OptimizerUpdate<T>& u) {
  const Vec<T> lr = number(u, 0), epsilon = number(u, 1), one = set1(T(1));
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    return w - lr * g / vsqrt(mix(s, u.state[0], one, one, g * g) + epsilon);
  });
}

template <class T>
void adadelta(const OptimizerUpdate<T>& u) {
  const Vec<T> lr = number(u, 0), rho = number(u, 1), rest_rho = rest(u, 1);
  const Vec<T> epsilon = number(u, 2);
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    const Vec<T> a = mix(s, u.state[0], rho, rest_rho, g * g);
    const Vec<T> step = g * vsqrt(s.get(u.state[1]) + epsilon) / vsqrt(a + epsilon);
    mix(s, u.state[1], rho, rest_rho, step * step);
    return w - lr * step;
  });
}

template <class T>
Vec<T> power(Vec<T> x, double exponent) {
  if (exponent == 0.5) return vsqrt(x);
  for (int i = 0; i < kLanes<T>; ++i) x[i] = static_cast<T>(__builtin_pow(x[i], exponent));
  return x;
}

template <class T>
void ftrl(const OptimizerUpdate<T>& u) {
  const Vec<T> inverse_lr = set1(static_cast<T>(1 / u.numbers[0]));
  const double exponent = u.numbers[1];
  const Vec<T> l1 = number(u, 2), l2 = number(u, 3), shrinkage = number(u, 4), two = set1(T(2));
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    const Vec<T> a = s.get(u.state[0]), b = a + g * g;
    s.put(u.state[0], b);
    const Vec<T> after = power<T>(b, exponent);
    const Vec<T> sigma = (after - power<T>(a, exponent)) * inverse_lr;
    const Vec<T> z = s.get(u.state[1]) + (g + two * shrinkage * w - sigma * w);
    s.put(u.state[1], z);
    const Vec<T> cut = vmin<T>(l1, vmax<T>(-l1, z));
    return (cut - z) / (after * inverse_lr + two * l2);
  });
}

template <class T>
void lion(const OptimizerUpdate<T>& u) {
  const Vec<T> lr = number(u, 0), beta_1 = number(u, 1), rest_1 = rest(u, 1);
  const Vec<T> beta_2 = number(u, 2), rest_2 = rest(u, 2);
  sweep(u, [&](auto s, Vec<T> w, Vec<T> g) {
    const Vec<T> direction = sign<T>(beta_1 * s.get(u.state[0]) + rest_1 * g);
    mix(s, u.state[0], beta_2, rest_2, g);
    return w - lr * direction;
  });
}

template <class T>
void update(const OptimizerUpdate<T>& u) {
  switch (u.rule) {
    case UpdateRule::kSgd:
      return sgd(u);
    case UpdateRule::kRmsprop:
      return rmsprop(u);
    case UpdateRule::kAdam:
      return adam(u);
    case UpdateRule::kNadam:
      return nadam(u);
    case UpdateRule::kAdamax:
      return adamax(u);
    case UpdateRule::kAdagrad:
      return adagrad(u);
    case UpdateRule::kAdadelta:
      return adadelta(u);
    case UpdateRule::kFtrl:
      return ftrl(u);
    case UpdateRule::kLion:
      return lion(u);
  }
}

template <class T>
void average(ptrdiff_t count, T* mean, const T* params, double momentum) {
  const Vec<T> old = set1(static_cast<T>(momentum)), share = set1(static_cast<T>(1 - momentum));
  share_slices<T>(count, kUpdateWork, [&](auto s) { mix(s, mean, old, share, s.get(params)); });
}

// The sum of term(slice) over all elements. Each block's sum is added in the block's order, so that
// the number of threads changes nothing.
template <class T, class Term>
double sum_slices(ptrdiff_t count, const Term& term) {
  constexpr ptrdiff_t kBlock = 4096, kMostParts = 128;
  const ptrdiff_t blocks = (count + kBlock - 1) / kBlock;
  const ptrdiff_t parts = blocks < kMostParts ? blocks : kMostParts;
  double sums[kMostParts];
  auto member = [&](const Team& team) {
    team.each(static_cast<int>(parts), [&](int part) {
      double sum = 0;
      for (ptrdiff_t b = blocks * part / parts; b < blocks * (part + 1) / parts; ++b) {
        Vec<T> lanes = {};
        const ptrdiff_t end = (b + 1) * kBlock;
        for_each_slice<T>(b * kBlock, end < count ? end : count, [&](auto s) { lanes += term(s); });
        sum += static_cast<double>(sum_lanes<T>(lanes));
      }
      sums[part] = sum;
    });
  };
  run_team(team_for(kUpdateWork * static_cast<double>(count)), member);
  double total = 0;
  for (ptrdiff_t part = 0; part < parts; ++part) total += sums[part];
  return total;
}

template <class T>
double square_sum(ptrdiff_t count, const T* x) {
  return sum_slices<T>(count, [&](auto s) {
    const Vec<T> v = s.get(x);
    return v * v;
  });
}

template <class T>
double penalty(ptrdiff_t count, const T* params, T* grads, double l1, double l2) {
  const Vec<T> first = set1(static_cast<T>(l1)), second = set1(static_cast<T>(l2));
  return sum_slices<T>(count, [&](auto s) {
    const Vec<T> w = s.get(params);
    if (grads) s.put(grads, s.get(grads) + (first * sign<T>(w) + (second + second) * w));
    return first * absolute<T>(w) + second * w * w;
  });
}

template <class T>
constexpr OptimizerFunctions<T> kFunctions = {update<T>, average<T>, square_sum<T>, penalty<T>};

}  // namespace

const OptimizerTable* optimizer_table() {
  static constexpr OptimizerTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
