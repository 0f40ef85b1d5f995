// Vectors of one lane: what cpu/vec.h and cpu/vmath.h offer, for a float, on a GPU and its host.
//
// On a GPU exp, tanh and log1p are CUDA's own, at most 2 ULP from the truth (CUDA Math API,
// single precision); the sigmoid's division costs one more.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define FASTRNN_ONE_LANE
#define FASTRNN_ISA_BEGIN \
  namespace fastrnn {     \
  namespace cuda {
#define FASTRNN_ISA_END \
  }                     \
  }

#if defined(__CUDACC__)
#define FASTRNN_INLINE __host__ __device__ __forceinline__
#define FASTRNN_NOINLINE __host__ __device__ __noinline__
#else
#define FASTRNN_INLINE inline __attribute__((always_inline))
#define FASTRNN_NOINLINE __attribute__((noinline))
#endif

FASTRNN_ISA_BEGIN
namespace {

template <class T>
using Vec = T;
template <class T>
using IVec = bool;
template <class T>
constexpr int kLanes = 1;

template <class T>
FASTRNN_INLINE T load(const T* p) {
  return *p;
}

template <class T>
FASTRNN_INLINE void store(T* p, Vec<T> v) {
  *p = v;
}

template <class T>
FASTRNN_INLINE T load_n(const T* p, int) {
  return *p;
}

template <class T>
FASTRNN_INLINE void store_n(T* p, Vec<T> v, int) {
  *p = v;
}

FASTRNN_INLINE float set1(float s) { return s; }

template <class T>
FASTRNN_INLINE T select(bool mask, Vec<T> a, Vec<T> b) {
  return mask ? a : b;
}

// b where either is NaN.
template <class T>
FASTRNN_INLINE T vmin(Vec<T> a, Vec<T> b) {
  return a < b ? a : b;
}

template <class T>
FASTRNN_INLINE T vmax(Vec<T> a, Vec<T> b) {
  return a > b ? a : b;
}

template <class T>
FASTRNN_INLINE T clamp(Vec<T> x, T low, T high) {
  return vmax<T>(low, vmin<T>(high, x));
}

FASTRNN_INLINE float vsqrt(float x) { return sqrtf(x); }

template <class T>
FASTRNN_INLINE T vexp(Vec<T> x) {
  return expf(x);
}

template <class T>
FASTRNN_INLINE T vtanh(Vec<T> x) {
  return tanhf(x);
}

template <class T>
FASTRNN_INLINE T vsigmoid(Vec<T> x) {
#if defined(__CUDA_ARCH__)
  return __fdividef(1.0f, 1.0f + expf(-x));
#else
  return 1.0f / (1.0f + expf(-x));
#endif
}

template <class T>
FASTRNN_INLINE T vexpm1_negative(Vec<T> x) {
  return expm1f(vmin<T>(0.0f, x));
}

template <class T>
FASTRNN_INLINE T vlog1p_unit(Vec<T> x) {
  return log1pf(x);
}

}  // namespace
FASTRNN_ISA_END
