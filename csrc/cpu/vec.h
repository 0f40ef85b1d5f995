// One SIMD register of T, by the compilers' vector extension: + - * / and comparisons are the
// language's own, a * b + c contracts to one FMA where the machine has it (-ffp-contract=fast).
// Only what the language lacks is written here: broadcast, partial access, select, bit access.
#pragma once

#include "cpu/isa.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of the undefined registers inside its own AVX-512 header.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif
#endif

FASTRNN_ISA_BEGIN
namespace {

#if defined(__AVX512F__)
constexpr int kVecBytes = 64;
constexpr int kVecRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVecBytes = 32;
constexpr int kVecRegisters = 16;
#else
constexpr int kVecBytes = 16;
#if defined(__aarch64__)
constexpr int kVecRegisters = 32;
#else
constexpr int kVecRegisters = 16;
#endif
#endif

template <class T>
struct VecTraits;
template <>
struct VecTraits<float> {
  typedef float vec __attribute__((vector_size(kVecBytes)));
  typedef int32_t ivec __attribute__((vector_size(kVecBytes)));
  typedef int32_t lane_int;
};
template <>
struct VecTraits<double> {
  typedef double vec __attribute__((vector_size(kVecBytes)));
  typedef int64_t ivec __attribute__((vector_size(kVecBytes)));
  typedef int64_t lane_int;
};

template <class T>
using Vec = typename VecTraits<T>::vec;
// Integers of T's width, one a lane: results of comparisons (0 or -1), and bit patterns.
template <class T>
using IVec = typename VecTraits<T>::ivec;

template <class T>
constexpr int kLanes = kVecBytes / static_cast<int>(sizeof(T));

template <class T>
FASTRNN_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}

template <class T>
FASTRNN_INLINE void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof(v));
}

FASTRNN_INLINE Vec<float> set1(float s) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_set1_ps(s);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_set1_ps(s);
#else
  return Vec<float>{s, s, s, s};
#endif
}

FASTRNN_INLINE Vec<double> set1(double s) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_set1_pd(s);
#elif defined(__AVX2__)
  return (Vec<double>)_mm256_set1_pd(s);
#else
  return Vec<double>{s, s};
#endif
}

// The first n lanes (0 <= n <= lanes) from memory, the rest zero; nothing behind p + n is touched.
template <class T>
FASTRNN_INLINE Vec<T> load_n(const T* p, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
  } else {
    return (Vec<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), p);
  }
#else
  if (n == kLanes<T>) return load(p);
  Vec<T> v = {};
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i < n) v[i] = p[i];
  }
  return v;
#endif
}

template <class T>
FASTRNN_INLINE void store_n(T* p, Vec<T> v, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), (__m512)v);
  } else {
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1), (__m512d)v);
  }
#else
  if (n == kLanes<T>) {
    store(p, v);
    return;
  }
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i < n) p[i] = v[i];
  }
#endif
}

// Lane by lane: mask (0 or -1) ? a : b.
template <class T>
FASTRNN_INLINE Vec<T> select(IVec<T> mask, Vec<T> a, Vec<T> b) {
  return mask ? a : b;
}

// The smaller; b where either is NaN (x86's own rule, kept on every machine).
template <class T>
FASTRNN_INLINE Vec<T> vmin(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm512_min_ps((__m512)a, (__m512)b);
  } else {
    return (Vec<T>)_mm512_min_pd((__m512d)a, (__m512d)b);
  }
#else
  return a < b ? a : b;
#endif
}

template <class T>
FASTRNN_INLINE Vec<T> vmax(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm512_max_ps((__m512)a, (__m512)b);
  } else {
    return (Vec<T>)_mm512_max_pd((__m512d)a, (__m512d)b);
  }
#else
  return a > b ? a : b;
#endif
}

template <class T>
FASTRNN_INLINE IVec<T> as_int(Vec<T> v) {
  return (IVec<T>)v;
}

template <class T>
FASTRNN_INLINE Vec<T> as_float(IVec<T> v) {
  return (Vec<T>)v;
}

FASTRNN_INLINE Vec<float> vsqrt(Vec<float> x) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_sqrt_ps((__m256)x);
#else
  for (int i = 0; i < kLanes<float>; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

FASTRNN_INLINE Vec<double> vsqrt(Vec<double> x) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
  return (Vec<double>)_mm256_sqrt_pd((__m256d)x);
#else
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_sqrt(x[i]);
  return x;
#endif
}

// 1 / x to the last bit or two: an approximation and Newton's step where a division is slow.
FASTRNN_INLINE Vec<float> reciprocal(Vec<float> x) {
#if defined(__AVX512F__)
  Vec<float> r = (Vec<float>)_mm512_rcp14_ps((__m512)x);
  return r + r * (set1(1.0f) - x * r);
#else
  return set1(1.0f) / x;
#endif
}

FASTRNN_INLINE Vec<double> reciprocal(Vec<double> x) { return set1(1.0) / x; }

template <int... kIndex>
struct Indices {};
template <int kCount, int... kIndex>
struct IndicesTo : IndicesTo<kCount - 1, kCount - 1, kIndex...> {};
template <int... kIndex>
struct IndicesTo<0, kIndex...> {
  using Type = Indices<kIndex...>;
};

// Lanes kFirst, kFirst + 1, ... of a and of b by turns.
template <class T, int kFirst, int... kIndex>
FASTRNN_INLINE Vec<T> by_turns(Vec<T> a, Vec<T> b, Indices<kIndex...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, (kFirst + kIndex / 2 + kIndex % 2 * kLanes<T>)...);
#else
  return __builtin_shuffle(a, b, IVec<T>{(kFirst + kIndex / 2 + kIndex % 2 * kLanes<T>)...});
#endif
}

// A square of kLanes rows: each round of turns moves one bit of the lane's number to the row's.
template <class T>
FASTRNN_INLINE void transpose(Vec<T> (&rows)[kLanes<T>]) {
  constexpr int kHalf = kLanes<T> / 2;
  using All = typename IndicesTo<kLanes<T>>::Type;
#pragma GCC unroll 4
  for (int round = 1; round < kLanes<T>; round *= 2) {
    Vec<T> next[kLanes<T>];
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i) {
      next[2 * i] = by_turns<T, 0>(rows[i], rows[i + kHalf], All());
      next[2 * i + 1] = by_turns<T, kHalf>(rows[i], rows[i + kHalf], All());
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) rows[i] = next[i];
  }
}

}  // namespace
FASTRNN_ISA_END
