// What a GPU is asked to do, and with which arrays. Nothing here checks arguments: Python does.
#pragma once

#include <string>

#include "activation.h"
#include "cuda/storage.h"
#include "fastrnn.h"

namespace fastrnn::cuda {

// How float32 products are computed: exactly, in three products of TF32 or in one.
enum class Math : int { kFloat, kTf32x3, kTf32 };
enum class Dropout : int { kNone, kShared, kPerGate };

struct Problem {
  CellKind cell;
  Activation activation;
  Activation gate_activation;
  int batch, steps, input, hidden;  // N, T, I, H, each at least 1
  Storage storage;
  Math math;
  bool backward;  // which of the two functions a plan is for
  bool reverse;
  bool training;  // forward leaves what backward needs
  Dropout x_mask;
  Dropout h_mask;
  bool bias, peephole, mask, reset;
  bool need_dx;
  int share;   // of how many runs at one time this is one
  int device;  // CUDA's number
  char tier;   // 'A', 'B', 'C', or 0: as the plan thinks best
};

// A layer's arrays on the GPU, in the shapes of fastrnn.h; strides in elements. Of type `storage`:
// x, kernel, recurrent, y, saved, dy, dx. All other values are float.
struct Arrays {
  const void* x;  // in (N, T, I), last axis contiguous
  std::int64_t x_batch, x_step;
  const void* kernel;         // in (I, G*H)
  const void* recurrent;      // in (H, G*H)
  const float* bias;          // in, or null
  const float* peephole;      // in, or null
  const float *h0, *c0;       // in (N, H)
  const std::uint8_t* mask;   // in (N, T), or null
  const std::uint8_t* reset;  // in (N, T), or null
  const float* x_mask;        // in: dropout of x, or null
  std::int64_t x_mask_gate, x_mask_batch;
  const float* h_mask;  // in: dropout of h where it enters the product, or null
  std::int64_t h_mask_gate, h_mask_batch;
  const float* zoneout_h;  // in, or null
  std::int64_t zoneout_h_batch, zoneout_h_step;
  const float* zoneout_c;
  std::int64_t zoneout_c_batch, zoneout_c_step;
  void* y;                 // forward: out, backward: in (N, T, H)
  float *h_n, *c_n;        // out (N, H); not h0, c0
  void* saved;             // (T, N, saved_units * H), or null
  float* c_all;            // (T, N, H), or null
  std::int32_t* previous;  // (N, T), or null
  // Backward.
  const void* dy;                                   // in (N, T, H), or null
  const float *dh_n, *dc_n;                         // in (N, H), or null
  void* dx;                                         // out (N, T, I), or null
  float *dkernel, *drecurrent, *dbias, *dpeephole;  // out; the last two may be null
  float *dh0, *dc0;                                 // out (N, H)
};

}  // namespace fastrnn::cuda
