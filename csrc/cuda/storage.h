// The types in which large arrays are stored. All arithmetic is in float.
#pragma once

#include "cuda/simt.h"

namespace fastrnn::cuda {

enum class Storage : int { kFloat, kBFloat16, kHalf };
constexpr int size_of(Storage s) { return s == Storage::kFloat ? 4 : 2; }

struct BFloat16 {
  std::uint16_t bits;
};

struct Half {
  std::uint16_t bits;
};

FASTRNN_INLINE std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

FASTRNN_INLINE float float_of(std::uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

FASTRNN_INLINE float to_float(float x) { return x; }

FASTRNN_INLINE float to_float(BFloat16 x) {
  return float_of(static_cast<std::uint32_t>(x.bits) << 16);
}

FASTRNN_INLINE float to_float(Half x) {
#if defined(__CUDA_ARCH__)
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
  return result;
#else
  // The exponent's bias grows from 15 to 127 by a product, which knows denormals.
  const std::uint32_t sign = (x.bits & 0x8000u) << 16, rest = (x.bits & 0x7fffu) << 13;
  const bool finite = rest < 0x0f800000u;
  const float value = finite ? float_of(rest) * 0x1p112f : float_of(rest | 0x7f800000u);
  return float_of(bits_of(value) | sign);
#endif
}

// Rounded to nearest, ties to even.
template <class S>
FASTRNN_INLINE S from_float(float x);

template <>
FASTRNN_INLINE float from_float<float>(float x) {
  return x;
}

template <>
FASTRNN_INLINE BFloat16 from_float<BFloat16>(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  BFloat16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
  return result;
#else
  if (x != x) return {0x7fff};
  const std::uint32_t bits = bits_of(x);
  return {static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
#endif
}

template <>
FASTRNN_INLINE Half from_float<Half>(float x) {
#if defined(__CUDA_ARCH__)
  Half result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
  return result;
#else
  const std::uint32_t sign = bits_of(x) >> 16 & 0x8000u;
  std::uint32_t rest = bits_of(x) & 0x7fffffffu;
  if (rest >= 0x47800000u) {  // 2^16
    rest = rest > 0x7f800000u ? 0x7e00u : 0x7c00u;
  } else if (rest < 0x38800000u) {  // 2^-14: the last place of 1/2 is that of Half's denormals
    rest = bits_of(float_of(rest) + 0.5f) - bits_of(0.5f);
  } else {
    rest = (rest + 0xfffu + (rest >> 13 & 1) - 0x38000000u) >> 13;
  }
  return {static_cast<std::uint16_t>(sign | rest)};
#endif
}

}  // namespace fastrnn::cuda
