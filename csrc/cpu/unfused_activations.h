// Activations whose derivative needs the input x: value and derivative of one register.
#pragma once

#include "cells/activations.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T>
struct ValueAndDerivative {
  Vec<T> value;
  Vec<T> derivative;
};

// The normal distribution above a >= 0 is t P(t) e^(-a^2/2), t = 1 / (1 + c a). P interpolates it
// at Chebyshev points in 50 digits, made for this file: relative error 4.4e-9 for a <= 14.5
// (float), 3.6e-17 for a <= 39 (double); beyond, the exponential is 0.
template <class T>
struct NormalTail;

template <>
struct NormalTail<float> {
  static constexpr float kC = 0.3f, kMax = 14.5f;
  static constexpr int kTerms = 10;
  static constexpr float kP[kTerms] = {
      0.1196877477f,   0.1195504315f, 0.1104184111f,  0.07751790108f, 0.09871138235f,
      -0.08421348152f, 0.1975505846f, -0.2325244073f, 0.114257453f,   -0.02095602424f};
};

template <>
struct NormalTail<double> {
  static constexpr double kC = 0.25, kMax = 39.0;
  static constexpr int kTerms = 23;
  static constexpr double kP[kTerms] = {
      0.099735570103876619758,  0.099735569839468871623,  0.093502105857234663281,
      0.081034965683914106377,  0.063506147768997421271,  0.043217256130673159935,
      0.023616019479006025707,  0.0058649633795566492567, 0.003269696383655474666,
      -0.030722418321309620567, 0.068009656548938486854,  -0.17592946165709222071,
      0.33178561401295867787,   -0.46703105161618678171,  0.47788050319697729692,
      -0.27548256352588485338,  -0.049222903790912819889, 0.26702772190480972204,
      -0.26991779697144516085,  0.15444245164748478998,   -0.054406282913560957544,
      0.011096471880184597514,  -0.0010122350213441524512};
};

// x times the normal distribution below x.
template <class T>
ValueAndDerivative<T> gelu(Vec<T> x) {
  using K = NormalTail<T>;
  const Vec<T> one = set1(T(1));
  const Vec<T> a = vmin<T>(set1(K::kMax), vabs<T>(x));
  const Vec<T> t = divide(one, one + set1(K::kC) * a);
  Vec<T> p = set1(K::kP[K::kTerms - 1]);
#pragma GCC unroll 32
  for (int i = K::kTerms - 2; i >= 0; --i) p = p * t + set1(K::kP[i]);
  const Vec<T> bell = vexp<T>(set1(T(-0.5)) * a * a);
  const Vec<T> tail = t * p * bell;
  const Vec<T> below = select<T>(x > set1(T(0)), one - tail, tail);
  const T density = T(0.3989422804014327);  // 1 / sqrt(2 pi)
  return {x * below, below + x * bell * set1(density)};
}

// Hendrycks & Gimpel 2016: x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi)(x + 0.044715 x^3).
template <class T>
ValueAndDerivative<T> gelu_tanh(Vec<T> x) {
  constexpr double kScale = 1.5957691216057308, kCubic = 0.044715;  // 2 sqrt(2 / pi)
  const Vec<T> square = x * x;
  const Vec<T> u2 = x * (set1(T(kScale)) + set1(T(kScale * kCubic)) * square);
  const Vec<T> slope = set1(T(kScale)) + set1(T(3 * kScale * kCubic)) * square;
  const Vec<T> s = vsigmoid<T>(u2);
  return {x * s, s + x * (s - s * s) * slope};
}

template <class T>
ValueAndDerivative<T> silu(Vec<T> x) {
  const Vec<T> s = vsigmoid<T>(x);
  return {x * s, s + x * (s - s * s)};
}

// Misra 2019: x tanh(log(1 + e)), e = e^x; the tanh is n / (n + 2) with n = e (e + 2).
template <class T>
ValueAndDerivative<T> mish(Vec<T> x) {
  const Vec<T> two = set1(T(2));
  const Vec<T> e = vexp<T>(vmin<T>(set1(T(40)), x));
  // Beyond e^20 (float) the quotient is 1, and the square in the derivative would overflow.
  const Vec<T> bounded = sizeof(T) == 4 ? vmin<T>(set1(T(4e8)), e) : e;
  const Vec<T> n = bounded * (bounded + two);
  const Vec<T> d = n + two;
  const Vec<T> t = divide(n, d);
  const Vec<T> slope = set1(T(4)) * bounded * (bounded + set1(T(1))) / (d * d);
  return {x * t, t + x * slope};
}

template <class T>
ValueAndDerivative<T> hard_silu(Vec<T> x) {
  const Vec<T> zero = set1(T(0)), one = set1(T(1)), third = set1(T(1.0 / 3.0));
  const Vec<T> ramp = clamp<T>(x * set1(T(1.0 / 6.0)) + set1(T(0.5)), T(0), T(1));
  const Vec<T> inside = x * third + set1(T(0.5));
  return {x * ramp, select<T>(x <= set1(T(-3)), zero, select<T>(x >= set1(T(3)), one, inside))};
}

template <class T>
ValueAndDerivative<T> tanh_shrink(Vec<T> x) {
  const Vec<T> t = vtanh<T>(x);
  return {x - t, t * t};
}

// x above the threshold, else 0.
template <class T>
ValueAndDerivative<T> threshold(Vec<T> x, T at) {
  const Vec<T> zero = set1(T(0));
  const IVec<T> above = x > set1(at);
  return {select<T>(above, x, zero), select<T>(above, set1(T(1)), zero)};
}

template <class T>
FASTRNN_INLINE ValueAndDerivative<T> unfused(Activation activation, Vec<T> x, T parameter) {
  switch (activation) {
    case Activation::kGelu:
      return gelu<T>(x);
    case Activation::kGeluTanh:
      return gelu_tanh<T>(x);
    case Activation::kSilu:
      return silu<T>(x);
    case Activation::kMish:
      return mish<T>(x);
    case Activation::kHardSilu:
      return hard_silu<T>(x);
    case Activation::kTanhShrink:
      return tanh_shrink<T>(x);
    default:
      return threshold<T>(x, parameter);
  }
}

}  // namespace
FASTRNN_ISA_END
