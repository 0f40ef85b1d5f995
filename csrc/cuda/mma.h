// The tensor cores' products, D = A B + D of 16 columns of weights and 8 rows, and what they do on
// the host: PTX ISA, "Matrix Fragments for mma", for m16n8k16 with 16-bit types and m16n8k8 with
// TF32. Lane 4 g + q holds D[g][2q], D[g][2q + 1], D[g + 8][2q], D[g + 8][2q + 1].
#pragma once

#include "cuda/storage.h"

namespace fastrnn::cuda {

using Quad = float[4];

#if !defined(__CUDACC__)
// a(i, k), b(k, j): the factors as the lanes hold them.
template <class A, class B>
void host_mma(Lanes<Quad>& d, int depth, const A& a, const B& b) {
  for (int l = 0; l < kWarp; ++l) {
    for (int e = 0; e < 4; ++e) {
      const int i = l / 4 + 8 * (e / 2), j = l % 4 * 2 + e % 2;
      for (int k = 0; k < depth; ++k) d[l][e] += a(i, k) * b(k, j);
    }
  }
}
#endif

// Four words of A, two of B, each of two values.
template <class S>
FASTRNN_KERNEL void mma16(Lanes<Quad>& d, const Lanes<std::uint32_t[4]>& a,
                          const Lanes<std::uint32_t[2]>& b) {
#if defined(__CUDACC__)
#define FASTRNN_MMA(type)                                                              \
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                  \
               ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"  \
               : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3])            \
               : "r"(a[0][0]), "r"(a[0][1]), "r"(a[0][2]), "r"(a[0][3]), "r"(b[0][0]), \
                 "r"(b[0][1]))
  if constexpr (std::is_same_v<S, BFloat16>) {
#if __CUDA_ARCH__ >= 800
    FASTRNN_MMA("bf16");
#endif
  } else {
#if __CUDA_ARCH__ >= 800
    FASTRNN_MMA("f16");
#else
    FASTRNN_UNROLL
    for (int half = 0; half < 2; ++half) {
      asm volatile(
          "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
          "{%0, %1, %2, %3};"
          : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3])
          : "r"(a[0][2 * half]), "r"(a[0][2 * half + 1]), "r"(b[0][half]));
    }
#endif
  }
#undef FASTRNN_MMA
#else
  const auto value = [](std::uint32_t word, int k) {
    return to_float(S{static_cast<std::uint16_t>(word >> 16 * (k % 2))});
  };
  host_mma(
      d, 16, [&](int i, int k) { return value(a[i % 8 * 4 + k % 8 / 2][i / 8 + k / 8 * 2], k); },
      [&](int k, int j) { return value(b[j * 4 + k % 8 / 2][k / 8], k); });
#endif
}

// Rounded to TF32's ten bits, ties away from zero. Volatile: computed where it is used, or the
// compiler would keep weights that stay in registers in their rounded parts as well.
FASTRNN_KERNEL std::uint32_t to_tf32(float x) {
#if defined(__CUDACC__)
  std::uint32_t result = 0;
#if __CUDA_ARCH__ >= 800
  asm volatile("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(x));
#endif
  return result;
#else
  return (bits_of(x) & 0x7f800000u) == 0x7f800000u ? bits_of(x)
                                                   : (bits_of(x) + 0x1000u) & 0xffffe000u;
#endif
}

FASTRNN_KERNEL void mma_tf32(Lanes<Quad>& d, const Lanes<std::uint32_t[4]>& a,
                             const Lanes<std::uint32_t[2]>& b) {
#if defined(__CUDACC__)
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3])
      : "r"(a[0][0]), "r"(a[0][1]), "r"(a[0][2]), "r"(a[0][3]), "r"(b[0][0]), "r"(b[0][1]));
#endif
#else
  host_mma(
      d, 8, [&](int i, int k) { return float_of(a[i % 8 * 4 + k % 4][i / 8 + k / 4 * 2]); },
      [&](int k, int j) { return float_of(b[j * 4 + k % 4][k / 4]); });
#endif
}

}  // namespace fastrnn::cuda
