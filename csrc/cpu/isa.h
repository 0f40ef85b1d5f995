// The instruction set a file is compiled for. Every file under cpu/ but parallel.cc is compiled
// once per instruction set, each time with its own flags and its own FASTRNN_ISA namespace. Inside
// such a file only C headers, intrinsics and code of this namespace may be used: an inline function
// of the C++ library, instantiated here with AVX-512, could be the copy that the linker keeps for
// all.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef FASTRNN_ISA
#error "compile through CMake: FASTRNN_ISA names the namespace (baseline, avx2, avx512)"
#endif

#define FASTRNN_ISA_BEGIN \
  namespace fastrnn {     \
  namespace FASTRNN_ISA {
#define FASTRNN_ISA_END \
  }                     \
  }

#define FASTRNN_INLINE inline __attribute__((always_inline))
#define FASTRNN_NOINLINE __attribute__((noinline))
