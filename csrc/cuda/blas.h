// cuBLAS, opened at run time: building and importing need neither its headers nor its library.
#pragma once

#include <cuda_runtime_api.h>
#include <library_types.h>

#include <string>
#include <vector>

namespace fastrnn::cuda {

using BlasHandle = void*;
using BlasStatus = int;  // 0: success

// Of cublas_api.h, in versions 12 and 13.
constexpr int kBlasCompute = 68, kBlasComputeTf32 = 77;
constexpr int kBlasDefaultAlgorithm = -1;
constexpr int kBlasKeepPrecision = 16;  // sums of parts are not rounded to 16 bits

struct Blas {
  std::string path;
  BlasStatus (*create)(BlasHandle*);
  BlasStatus (*set_stream)(BlasHandle, cudaStream_t);
  BlasStatus (*set_workspace)(BlasHandle, void*, std::size_t);
  BlasStatus (*set_math_mode)(BlasHandle, int);
  BlasStatus (*gemm)(BlasHandle, int op_a, int op_b, int m, int n, int k, const void* alpha,
                     const void* a, cudaDataType a_type, int lda, long long a_stride, const void* b,
                     cudaDataType b_type, int ldb, long long b_stride, const void* beta, void* c,
                     cudaDataType c_type, int ldc, long long c_stride, int batch, int compute,
                     int algorithm);
  const char* (*status_string)(BlasStatus);

  // Throws std::runtime_error that names `what`.
  void check(BlasStatus status, const char* what) const;
};

// The library that the process has loaded, or one of the folders' or the system's. The first call
// decides. Throws std::runtime_error that says where it was looked for.
const Blas& blas(const std::vector<std::string>& folders = {});

}  // namespace fastrnn::cuda
