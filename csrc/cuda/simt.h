// One source for the GPU's kernels and for the host that simulates them.
//
// A warp's code is written over its lanes: Lanes<T> is what each lane holds, FASTRNN_LANES(l)
// visits them. On a GPU a thread is a lane, so that Lanes<T> is one T in registers and the loop
// vanishes; on the host it is an array of 32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cells/lane.h"

#if defined(__CUDACC__)
#define FASTRNN_KERNEL __device__ __forceinline__
#else
#define FASTRNN_KERNEL inline
#endif
#if defined(__CUDA_ARCH__)
#define FASTRNN_UNROLL _Pragma("unroll")
#else
#define FASTRNN_UNROLL
#endif

#define FASTRNN_LANES(l) for (int l = 0; l < kLanesHeld; ++l)

namespace fastrnn::cuda {

constexpr int kWarp = 32;
#if defined(__CUDACC__)
constexpr int kLanesHeld = 1;
#else
constexpr int kLanesHeld = kWarp;
#endif

template <class T>
struct Lanes {
  T held[kLanesHeld];
  FASTRNN_KERNEL T& operator[](int l) { return held[l]; }
  FASTRNN_KERNEL const T& operator[](int l) const { return held[l]; }
};

// The number, within its warp, of the lane that a loop visits.
FASTRNN_KERNEL int lane_number(int l) {
#if defined(__CUDACC__)
  return static_cast<int>(threadIdx.x) % kWarp;
#else
  return l;
#endif
}

// Each lane gets the value of the lane whose number differs in the bits of `bits`.
FASTRNN_KERNEL void exchange_lanes(Lanes<float>& v, int bits) {
#if defined(__CUDACC__)
  v[0] = __shfl_xor_sync(0xffffffffu, v[0], bits);
#else
  const Lanes<float> from = v;
  for (int l = 0; l < kWarp; ++l) v[l] = from[l ^ bits];
#endif
}

template <class T>
FASTRNN_INLINE constexpr T round_up(T n, int to) {
  return (n + to - 1) / to * to;
}

}  // namespace fastrnn::cuda
