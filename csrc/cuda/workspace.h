// A call's scratch memory, which the caller provides.
#pragma once

#include "cuda/columns.h"
#include "cuda/plan.h"

namespace fastrnn::cuda {

constexpr std::size_t kBlasBytes = std::size_t{32} << 20;  // what cuBLAS recommends for sm_90
constexpr int kCounterStride = 32;                         // a cache line each
constexpr int kSumParts = 64;  // in which columns are summed, before the parts are

struct Workspace {
  void* kernel;     // (I, input_gates * padded)
  void* recurrent;  // (padded, state_gates * padded)
  float* bias;
  float* projected;
  void* dsums;
  float* state;
  float* handed;
  void* operand;
  float* product;  // tier C: what comes of it
  void* gathered;  // rows of x or h, masked
  float* dkernel;  // padded like kernel
  float* drecurrent;
  float* parts;  // kSumParts of the sums of columns
  float* sums;
  float* dx_product;  // with dropout of x
  float* dx_sum;
  unsigned* arrived;  // tier B's counts
  int* step;          // tier C's, in a graph
  void* blas;
  std::size_t bytes;
};

Workspace lay_out(const Problem& problem, const Plan& plan, void* memory);

}  // namespace fastrnn::cuda
