// exp, tanh and sigmoid of one SIMD register, for float and double, without tables or branches.
//
// All rest on x = n ln2 + r, |r| <= ln2 / 2, and e^r = 1 + r q(r). The coefficients of q after the
// first, which is 1, are minimax fits to (e^r - 1) / r: relative error 1.1e-8 (float, degree 5) and
// 1.8e-17 (double, degree 10). Those of log1p's series: 3.8e-10 and 4.8e-18. tools/fit_vmath.py
// makes them. Adding a constant of 1.5 * 2^23 rounds to an integer and leaves n + 127 in the low
// bits, so that a shift alone makes 2^n. In AVX-512 tanh and sigmoid are 19 instructions each.
//
// Worst error in ULP over every finite input, promised (float measured, double measured), and what
// lies beyond. tests/test_vmath.py measures on each instruction set.
//   vexp             1  (0.92, 0.90)  +inf; 0 (below the least normal number: gradual or 0)
//   vtanh            4  (3.3, 3.0)    exactly -1 and 1
//   vsigmoid         3  (2.4, 2.3)    0 (below the least normal number: gradual or 0); exactly 1
//   vexpm1_negative  2  (0.92, 1.2)   exactly -1; 0 above 0
//   vlog1p_unit      in softplus 4 (2.8, 2.5)
// NaN gives NaN. vexp(0) = 1, vtanh(0) = 0, vsigmoid(0) = 1/2 exactly.
#pragma once

#include "cpu/vec.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T>
struct MathTraits;

template <>
struct MathTraits<float> {
  static constexpr int kMantissaBits = 23;
  static constexpr float kLog2E = 1.44269504f;
  static constexpr float kRound = 12582912.0f + 127.0f;  // 1.5 * 2^23, and the exponent's bias
  static constexpr float kLn2Hi = 0.693359375f;          // ten bits: n * kLn2Hi is exact
  static constexpr float kLn2Lo = -2.12194440e-4f;
  static constexpr float kLn2 = 0.693147181f;
  static constexpr float kMaxExponent = 127.0f;
  static constexpr float kExpMax = 89.0f, kExpMin = -88.0f, kExpMinGradual = -104.0f;
  static constexpr float kSigmoidMax = 18.0f;  // 1 + e^18 rounds to e^18
  static constexpr float kTanhMax = 9.1f;      // e^18.2 + 2 rounds to e^18.2
  static constexpr int kDegree = 5;
  static constexpr float kQ[kDegree] = {0.49999998f, 0.16666506f, 0.041667136f, 0.0083690757f,
                                        0.0013888873f};
  static constexpr int kLog1pTerms = 5;
  static constexpr float kLog1p[kLog1pTerms] = {0.66666667f, 0.39999696f, 0.28592818f, 0.21699925f,
                                                0.23254381f};
};

template <>
struct MathTraits<double> {
  static constexpr int kMantissaBits = 52;
  static constexpr double kLog2E = 1.4426950408889634;
  static constexpr double kRound = 6755399441055744.0 + 1023.0;  // 1.5 * 2^52, and the bias
  static constexpr double kLn2Hi = 0x1.62e42fefap-1;             // 36 bits: n * kLn2Hi is exact
  static constexpr double kLn2Lo = 0x1.cf79abc9e3b39p-40;
  static constexpr double kLn2 = 0.6931471805599453;
  static constexpr double kMaxExponent = 1023.0;
  static constexpr double kExpMax = 710.0, kExpMin = -709.4, kExpMinGradual = -746.0;
  static constexpr double kSigmoidMax = 40.0;
  static constexpr double kTanhMax = 19.1;
  static constexpr int kDegree = 10;
  static constexpr double kQ[kDegree] = {0.50000000000000055536,   0.16666666666666563432,
                                         0.041666666666573834294,  0.0083333333333978846318,
                                         0.0013888888932284880331, 0.00019841269707386961942,
                                         2.4801504569089643226e-5, 2.7557414828185575868e-6,
                                         2.7626276574497490395e-7, 2.5052096324082968422e-8};
  static constexpr int kLog1pTerms = 10;
  static constexpr double kLog1p[kLog1pTerms] = {0.66666666666666658095,  0.40000000000015265788,
                                                 0.28571428566944114174,  0.22222222732699253387,
                                                 0.18181788726789033583,  0.15385588568669232031,
                                                 0.13313860729434486193,  0.12003603552364950855,
                                                 0.087885565330475091492, 0.16188475963591589493};
};

// (e^x - 1 - x) / r^2 at x = kScale r, so that e^x - 1 = r (kScale + r exp_tail(r)). The scale, a
// power of two, is folded into the coefficients and rounds nothing.
template <class T, int kScale>
FASTRNN_INLINE Vec<T> exp_tail(Vec<T> r) {
  using K = MathTraits<T>;
  T scale = 1;
  for (int i = 0; i <= K::kDegree; ++i) scale *= kScale;
  Vec<T> q = set1(K::kQ[K::kDegree - 1] * scale);
#pragma GCC unroll 16
  for (int i = K::kDegree - 2; i >= 0; --i) {
    scale /= kScale;
    q = q * r + set1(K::kQ[i] * scale);
  }
  return q;
}

// 2^n from the rounded sum n + kRound; 0 where n is -127 (-1023).
template <class T>
FASTRNN_INLINE Vec<T> power_of_two(IVec<T> rounded) {
  return as_float<T>(rounded << MathTraits<T>::kMantissaBits);
}

// a / b, b and 1 / b normal numbers. The last step corrects the quotient by its own remainder:
// within one ULP, and exact where the quotient is a power of two.
FASTRNN_INLINE Vec<float> divide(Vec<float> a, Vec<float> b) {
#if defined(__AVX512F__)
  const Vec<float> r = (Vec<float>)_mm512_rcp14_ps((__m512)b);
  const Vec<float> q = a * r;
  return q + r * (a - q * b);
#else
  return a / b;
#endif
}

FASTRNN_INLINE Vec<double> divide(Vec<double> a, Vec<double> b) { return a / b; }

template <class T>
FASTRNN_INLINE Vec<T> clamp(Vec<T> x, T low, T high) {  // NaN stays
  return vmax<T>(set1(low), vmin<T>(set1(high), x));
}

template <class T>
FASTRNN_INLINE Vec<T> vexp(Vec<T> x) {
  using K = MathTraits<T>;
#if defined(__AVX512F__)
  x = clamp<T>(x, K::kExpMinGradual, K::kExpMax);
#else
  x = clamp<T>(x, K::kExpMin, K::kExpMax);
#endif
  const Vec<T> rounded = x * set1(K::kLog2E) + set1(K::kRound);
  const Vec<T> n = rounded - set1(K::kRound);
  const Vec<T> high = x - n * set1(K::kLn2Hi);
  const Vec<T> low = n * set1(K::kLn2Lo);
  const Vec<T> r = high - low;
  // Summed from the smallest term up: r's own rounding does not count.
  const Vec<T> p = (high + (r * r * exp_tail<T, 1>(r) - low)) + set1(T(1));
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm512_scalef_ps((__m512)p, (__m512)n);
  } else {
    return (Vec<T>)_mm512_scalef_pd((__m512d)p, (__m512d)n);
  }
#else
  // One exponent more than a power of two can have: 2^n as 2^(n-1) * 2.
  const IVec<T> top = n > set1(K::kMaxExponent);
  const Vec<T> e = p * power_of_two<T>(as_int<T>(rounded) + top);
  return e + as_float<T>(as_int<T>(e) & top);
#endif
}

// e / (1 + e), e = e^x: small results keep all their digits.
template <class T>
FASTRNN_INLINE Vec<T> vsigmoid(Vec<T> x) {
  using K = MathTraits<T>;
  x = clamp<T>(x, K::kExpMin, K::kSigmoidMax);
  const Vec<T> rounded = x * set1(K::kLog2E) + set1(K::kRound);
  const Vec<T> n = rounded - set1(K::kRound);
  const Vec<T> r = x - n * set1(K::kLn2Hi) - n * set1(K::kLn2Lo);
  const Vec<T> p = r * (r * exp_tail<T, 1>(r) + set1(T(1))) + set1(T(1));
  const Vec<T> e = p * power_of_two<T>(as_int<T>(rounded));
  return divide(e, e + set1(T(1)));
}

// m / (m + 2), m = e^2x - 1 = 2^n (e^2r - 1) + (2^n - 1): nothing cancels near 0, where n = 0. One
// constant serves for ln2 / 2: where n is large the error of e^2x no longer shows in the quotient.
template <class T>
FASTRNN_INLINE Vec<T> vtanh(Vec<T> x) {
  using K = MathTraits<T>;
  x = clamp<T>(x, -K::kTanhMax, K::kTanhMax);
  const Vec<T> rounded = x * set1(2 * K::kLog2E) + set1(K::kRound);
  const Vec<T> n = rounded - set1(K::kRound);
  const Vec<T> r = x - n * set1(K::kLn2 / 2);
  const Vec<T> s = power_of_two<T>(as_int<T>(rounded));
  const Vec<T> rq = r * (r * exp_tail<T, 2>(r) + set1(T(2)));
  const Vec<T> m = s * rq + (s - set1(T(1)));
  return divide(m, m + set1(T(2)));
}

// e^min(x, 0) - 1.
template <class T>
FASTRNN_INLINE Vec<T> vexpm1_negative(Vec<T> x) {
  using K = MathTraits<T>;
  x = clamp<T>(x, K::kExpMin, T(0));
  const Vec<T> rounded = x * set1(K::kLog2E) + set1(K::kRound);
  const Vec<T> n = rounded - set1(K::kRound);
  const Vec<T> r = x - n * set1(K::kLn2Hi) - n * set1(K::kLn2Lo);
  const Vec<T> s = power_of_two<T>(as_int<T>(rounded));
  return s * (r * r * exp_tail<T, 1>(r) + r) + (s - set1(T(1)));
}

// log(1 + x) for 0 <= x <= 1: 2 artanh(u / 2), u = 2x / (2 + x), an odd series in u <= 2/3 made
// minimax in (u / 2)^2. No intermediate result is smaller than x, so that none is lost as denormal.
template <class T>
FASTRNN_INLINE Vec<T> vlog1p_unit(Vec<T> x) {
  using K = MathTraits<T>;
  const Vec<T> u = divide(x + x, x + set1(T(2)));
  const Vec<T> w = u * u;
  T scale = T(1) / 8;  // of the first coefficient; each further one is a quarter
  for (int i = 1; i < K::kLog1pTerms; ++i) scale /= 4;
  Vec<T> p = set1(K::kLog1p[K::kLog1pTerms - 1] * scale);
#pragma GCC unroll 16
  for (int i = K::kLog1pTerms - 2; i >= 0; --i) {
    scale *= 4;
    p = p * w + set1(K::kLog1p[i] * scale);
  }
  return u * (w * p) + u;
}

}  // namespace
FASTRNN_ISA_END
