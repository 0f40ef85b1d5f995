// Activations of one register, and their derivatives from the output y alone: what the recurrent
// kernels need, which keep no pre-activations. Definitions and default parameters are Keras'.
#pragma once

#include "activation.h"
#include "cells/vectors.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T>
FASTRNN_INLINE Vec<T> vabs(Vec<T> x) {
  return vmax<T>(x, -x);
}

template <class T>
FASTRNN_INLINE Vec<T> relu(Vec<T> x) {
  return vmax<T>(set1(T(0)), x);
}

// log(1 + e^x), without overflow and with all digits where it is small.
template <class T>
FASTRNN_INLINE Vec<T> softplus(Vec<T> x) {
  return relu<T>(x) + vlog1p_unit<T>(vexp<T>(-vabs<T>(x)));
}

// SELU: Klambauer et al. 2017, equation 14.
constexpr double kSeluScale = 1.0507009873554805, kSeluAlpha = 1.6732632423543772;

// Out of line: the rare ones must not swell the kernels' epilogues.
template <class T>
FASTRNN_NOINLINE Vec<T> activate_rare(Activation activation, Vec<T> x, T parameter) {
  const Vec<T> zero = set1(T(0)), one = set1(T(1)), a = set1(parameter);
  switch (activation) {
    case Activation::kHardSigmoid:
      return clamp<T>(x * set1(T(1.0 / 6.0)) + set1(T(0.5)), T(0), T(1));
    case Activation::kSoftplus:
      return softplus<T>(x);
    case Activation::kSoftsign:
      return x / (one + vabs<T>(x));
    case Activation::kElu:
      return relu<T>(x) + a * vexpm1_negative<T>(x);
    case Activation::kSelu:
      return set1(T(kSeluScale)) * (relu<T>(x) + set1(T(kSeluAlpha)) * vexpm1_negative<T>(x));
    case Activation::kExponential:
      return vexp<T>(x);
    case Activation::kLeakyRelu:
      return select<T>(x > zero, x, a * x);
    case Activation::kRelu6:
      return clamp<T>(x, T(0), T(6));
    case Activation::kHardTanh:
      return clamp<T>(x, T(-1), T(1));
    case Activation::kLogSigmoid:
      return -softplus<T>(-x);
    case Activation::kCelu:
      return relu<T>(x) + a * vexpm1_negative<T>(x / a);
    case Activation::kSquareplus: {
      // Where x < 0 the sum cancels: (x + root) / 2 = b / 2 / (root - x).
      const Vec<T> sum = vsqrt(x * x + a) + vabs<T>(x);
      return select<T>(x < zero, set1(T(0.5)) * a / sum, set1(T(0.5)) * sum);
    }
    case Activation::kSparsePlus: {
      const Vec<T> ramp = clamp<T>(x + one, T(0), T(2));
      return select<T>(x > one, x, set1(T(0.25)) * ramp * ramp);
    }
    case Activation::kSparseSigmoid:
      return clamp<T>(set1(T(0.5)) * x + set1(T(0.5)), T(0), T(1));
    case Activation::kSoftShrink:
      return x - clamp<T>(x, -parameter, parameter);
    case Activation::kHardShrink:
      return select<T>(vabs<T>(x) <= a, zero, x);
    default:
      return x;
  }
}

template <class T>
FASTRNN_INLINE Vec<T> activate(Activation activation, Vec<T> x) {
  switch (activation) {
    case Activation::kTanh:
      return vtanh<T>(x);
    case Activation::kSigmoid:
      return vsigmoid<T>(x);
    case Activation::kRelu:
      return relu<T>(x);
    case Activation::kLinear:
      return x;
    default:
      return activate_rare<T>(activation, x, T(default_parameter(activation)));
  }
}

template <class T>
FASTRNN_NOINLINE Vec<T> gradient_rare(Activation activation, Vec<T> y, T parameter) {
  const Vec<T> zero = set1(T(0)), one = set1(T(1)), a = set1(parameter);
  switch (activation) {
    case Activation::kHardSigmoid:
      return select<T>((y > zero) & (y < one), set1(T(1.0 / 6.0)), zero);
    case Activation::kSoftplus:
      return -vexpm1_negative<T>(-y);
    case Activation::kSoftsign: {
      const Vec<T> rest = one - vabs<T>(y);
      return rest * rest;
    }
    case Activation::kElu:
      return select<T>(y > zero, one, y + a);
    case Activation::kSelu:
      return select<T>(y > zero, set1(T(kSeluScale)), y + set1(T(kSeluScale * kSeluAlpha)));
    case Activation::kExponential:
      return y;
    case Activation::kLeakyRelu:
      return select<T>(y > zero, one, a);
    case Activation::kRelu6:
      return select<T>((y > zero) & (y < set1(T(6))), one, zero);
    case Activation::kHardTanh:
      return select<T>(vabs<T>(y) < one, one, zero);
    case Activation::kLogSigmoid:
      return -vexpm1_negative<T>(y);
    case Activation::kCelu:
      return select<T>(y > zero, one, y / a + one);
    case Activation::kSquareplus: {  // y (y - x) = b / 4
      const Vec<T> square = y * y;
      return square / (square + set1(T(0.25)) * a);
    }
    case Activation::kSparsePlus:
      return vsqrt(clamp<T>(y, T(0), T(1)));
    case Activation::kSparseSigmoid:
      return select<T>((y > zero) & (y < one), set1(T(0.5)), zero);
    case Activation::kSoftShrink:
    case Activation::kHardShrink:
      return select<T>(y != zero, one, zero);
    default:
      return one;
  }
}

// The derivative at the place where the activation gave y; for is_fused ones.
template <class T>
FASTRNN_INLINE Vec<T> activation_gradient(Activation activation, Vec<T> y) {
  switch (activation) {
    case Activation::kTanh:
      return set1(T(1)) - y * y;
    case Activation::kSigmoid:
      return y - y * y;
    case Activation::kRelu:
      return select<T>(y > set1(T(0)), set1(T(1)), set1(T(0)));
    case Activation::kLinear:
      return set1(T(1));
    default:
      return gradient_rare<T>(activation, y, T(default_parameter(activation)));
  }
}

}  // namespace
FASTRNN_ISA_END
