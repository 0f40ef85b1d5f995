// Activations and losses over the rows of a matrix. Each function does one row.
#pragma once

#include "cells/activations.h"
#include "cpu/slices.h"

FASTRNN_ISA_BEGIN
namespace {

FASTRNN_INLINE float natural_log(float x) { return __builtin_logf(x); }
FASTRNN_INLINE double natural_log(double x) { return __builtin_log(x); }

// A row's maximum, and the sum of e^(x - maximum).
template <class T>
struct Exponentials {
  T maximum;
  T sum;
};

template <class T>
FASTRNN_INLINE T row_maximum(ptrdiff_t columns, const T* x) {
  const T lowest = -__builtin_inff();
  Vec<T> top = set1(lowest);
  for_each_slice<T>(0, columns, [&](auto s) {
    const Vec<T> v = s.only(s.get(x), lowest);
    top = select<T>((v > top) | (v != v), v, top);  // NaN wins
  });
  return max_lanes<T>(top);
}

// Writes e^(x - maximum) to e.
template <class T>
FASTRNN_INLINE Exponentials<T> exponentials(ptrdiff_t columns, const T* x, T* e) {
  const T maximum = row_maximum(columns, x);
  Vec<T> sum = {};
  for_each_slice<T>(0, columns, [&](auto s) {
    const Vec<T> v = vexp<T>(s.get(x) - set1(maximum));
    s.put(e, v);
    sum += s.only(v, T(0));
  });
  return {maximum, sum_lanes<T>(sum)};
}

template <class T>
FASTRNN_INLINE void scale_row(ptrdiff_t columns, T by, T* x) {
  for_each_slice<T>(0, columns, [&](auto s) { s.put(x, s.get(x) * set1(by)); });
}

template <class T>
FASTRNN_INLINE T dot(ptrdiff_t columns, const T* a, const T* b) {
  Vec<T> sum = {};
  for_each_slice<T>(0, columns, [&](auto s) { sum += s.get(a) * s.get(b); });
  return sum_lanes<T>(sum);
}

template <class T>
void softmax(ptrdiff_t columns, const T* x, T* y) {
  const Exponentials<T> e = exponentials(columns, x, y);
  scale_row(columns, T(1) / e.sum, y);
}

// y (dy - sum(dy y))
template <class T>
void softmax_gradient(ptrdiff_t columns, const T* dy, const T* y, T* dx) {
  const Vec<T> mean = set1(dot(columns, dy, y));
  for_each_slice<T>(0, columns, [&](auto s) { s.put(dx, s.get(y) * (s.get(dy) - mean)); });
}

template <class T>
void log_softmax(ptrdiff_t columns, const T* x, T* y) {
  const Exponentials<T> e = exponentials(columns, x, y);
  const Vec<T> maximum = set1(e.maximum), log_sum = set1(natural_log(e.sum));
  for_each_slice<T>(0, columns, [&](auto s) { s.put(y, s.get(x) - maximum - log_sum); });
}

// dy - e^y sum(dy)
template <class T>
void log_softmax_gradient(ptrdiff_t columns, const T* dy, const T* y, T* dx) {
  Vec<T> sums = {};
  for_each_slice<T>(0, columns, [&](auto s) { sums += s.get(dy); });
  const Vec<T> sum = set1(sum_lanes<T>(sums));
  for_each_slice<T>(0, columns, [&](auto s) { s.put(dx, s.get(dy) - vexp<T>(s.get(y)) * sum); });
}

// The point of the simplex nearest to x (Martins & Astudillo 2016): max(x - tau, 0), sum 1. The
// support shrinks to its final size with each new tau (Michelot 1986).
template <class T>
void sparsemax(ptrdiff_t columns, const T* x, T* y) {
  // Relative to the maximum, so that nothing is lost where x is large; tau >= -1 then.
  const Vec<T> maximum = set1(row_maximum(columns, x));
  T tau = T(-1);
  T count = T(columns) + 1;
  for (;;) {
    Vec<T> sums = {}, counts = {};
    for_each_slice<T>(0, columns, [&](auto s) {
      const Vec<T> v = s.only(s.get(x) - maximum, T(-2));
      const IVec<T> above = v > set1(tau);
      sums += select<T>(above, v, set1(T(0)));
      counts += select<T>(above, set1(T(1)), set1(T(0)));
    });
    const T above = sum_lanes<T>(counts);
    if (!(above > 0 && above < count)) break;
    count = above;
    tau = (sum_lanes<T>(sums) - T(1)) / count;
  }
  for_each_slice<T>(0, columns, [&](auto s) { s.put(y, relu<T>(s.get(x) - maximum - set1(tau))); });
}

// On the support, dy less its mean there.
template <class T>
void sparsemax_gradient(ptrdiff_t columns, const T* dy, const T* y, T* dx) {
  const Vec<T> zero = set1(T(0)), one = set1(T(1));
  Vec<T> sums = {}, counts = {};
  for_each_slice<T>(0, columns, [&](auto s) {
    const IVec<T> support = s.get(y) > zero;
    sums += select<T>(support, s.get(dy), zero);
    counts += select<T>(support, one, zero);
  });
  const Vec<T> mean = set1(sum_lanes<T>(sums) / sum_lanes<T>(counts));
  for_each_slice<T>(0, columns,
                    [&](auto s) { s.put(dx, select<T>(s.get(y) > zero, s.get(dy) - mean, zero)); });
}

// x = [a, b]: y = a sigmoid(b) (Dauphin et al. 2017).
template <class T>
void glu(ptrdiff_t columns, const T* x, T* y) {
  for_each_slice<T>(0, columns,
                    [&](auto s) { s.put(y, s.get(x) * vsigmoid<T>(s.get(x + columns))); });
}

template <class T>
void glu_gradient(ptrdiff_t columns, const T* dy, const T* x, T* dx) {
  for_each_slice<T>(0, columns, [&](auto s) {
    const Vec<T> gate = vsigmoid<T>(s.get(x + columns));
    const Vec<T> through = s.get(dy) * gate;
    s.put(dx + columns, through * s.get(x) * (set1(T(1)) - gate));
    s.put(dx, through);
  });
}

template <class T>
T label_cross_entropy(ptrdiff_t classes, const T* logits, int64_t label, T* dlogits) {
  const T at_label = logits[label];
  const Exponentials<T> e = exponentials(classes, logits, dlogits);
  scale_row(classes, T(1) / e.sum, dlogits);
  dlogits[label] -= T(1);
  return natural_log(e.sum) - (at_label - e.maximum);
}

template <class T>
T softmax_cross_entropy(ptrdiff_t classes, const T* logits, const T* targets, T* dlogits) {
  const T maximum = row_maximum(classes, logits);
  const Vec<T> top = set1(maximum), zero = set1(T(0));
  Vec<T> sums = {};
  for_each_slice<T>(0, classes,
                    [&](auto s) { sums += s.only(vexp<T>(s.get(logits) - top), T(0)); });
  const T sum = sum_lanes<T>(sums);
  const Vec<T> log_sum = set1(natural_log(sum)), scale = set1(T(1) / sum);
  Vec<T> losses = {};
  for_each_slice<T>(0, classes, [&](auto s) {
    const Vec<T> z = s.get(logits) - top;
    const Vec<T> p = s.get(targets);
    // Where the probability is 0 the logit may be -inf.
    losses += select<T>(p == zero, zero, p * (log_sum - z));
    s.put(dlogits, vexp<T>(z) * scale - p);
  });
  return sum_lanes<T>(losses);
}

}  // namespace
FASTRNN_ISA_END
