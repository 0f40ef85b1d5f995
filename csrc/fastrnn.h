// Every entry point of the C++ core, and the one place where shapes are written down.
//
// Matrices are row-major. Nothing here checks arguments: python/fastrnn/ops does, before the call.
// All functions are thread-safe, allocate only before their loops (std::bad_alloc), and give
// bitwise the same result for any number of threads. T is float or double.
#pragma once

#include <cstddef>
#include <cstdint>

#include "activation.h"
#include "cpu/buffer.h"

namespace fastrnn {

// ---- The machine ---------------------------------------------------------------------------
const char* isa_name();                    // "baseline", "avx2", "avx512": what runs
int available_isas(const char* names[3]);  // what this machine could run, slowest first
int num_threads();
void set_num_threads(int threads);

// ---- Recurrent layers: docs/equations.md ---------------------------------------------------
enum class CellKind : int {
#define FASTRNN_CELL(kind, name, Cell) kind,
#include "cells/cells.def"
#undef FASTRNN_CELL
  kCount
};

// G, blocks of H columns in the weights: rnn 1, gru 3, lstm 4. Batch N, steps T, input I, hidden H.
struct RecurrentConfig {
  CellKind cell;
  int input;   // I
  int hidden;  // H
  Activation activation;
  Activation gate_activation;
  // Whether the packed weights serve dropout masks that differ from gate to gate.
  bool mask_per_gate;
};

template <class T>
struct RecurrentWeights {
  const T* kernel;     // in (I, G*H)
  const T* recurrent;  // in (H, G*H)
  const T* bias;       // in (G*H) or null; gru (2, 3H): input's, state's
  const T* peephole;   // in (3, H) for i, f, o, or null; lstm only
};

// Weights in the order in which the kernels read them. Holds its own copies.
template <class T>
struct PackedRecurrent {
  RecurrentConfig config;
  Buffer memory;
  T* panels;         // input's and state's columns, panel by panel (cpu/panels.h)
  T* bias;           // one row of panels
  T* second_panels;  // the same for the second stage of a step; gru_reset_before only
  T* second_bias;
  T* peephole;  // (3, H) or null
};

// The arrays that forward and backward share. No two of them may overlap.
template <class T>
struct RecurrentSequence {
  int batch;                    // N
  int steps;                    // T
  const T* x;                   // in (N, T, I), last axis contiguous
  std::ptrdiff_t x_batch;       // elements from one sequence to the next
  std::ptrdiff_t x_step;        // elements from one step to the next
  const T* h0;                  // in (N, H)
  const T* c0;                  // in (N, H); lstm only
  const std::uint8_t* mask;     // in (N, T), nonzero = valid, or null
  const std::uint8_t* reset;    // in (N, T), nonzero = the step starts from h0, c0; or null
  bool reverse;                 // from the last step to the first
  T* y;                         // forward: out, backward: in (N, T, H)
  const T* x_mask;              // in (I) a row: multiplies x; or null
  std::ptrdiff_t x_mask_batch;  // elements from one sequence's mask to the next
  std::ptrdiff_t x_mask_gate;   // from one gate's (blocks in weight order) to the next; 0: shared
  const T* h_mask;              // in (H) a row: multiplies h where it enters the product; or null
  std::ptrdiff_t h_mask_batch;
  std::ptrdiff_t h_mask_gate;
  const T* zoneout_h;  // in (H) a row or null
  std::ptrdiff_t zoneout_h_batch;
  std::ptrdiff_t zoneout_h_step;
  const T* zoneout_c;
  std::ptrdiff_t zoneout_c_batch;
  std::ptrdiff_t zoneout_c_step;
  // What forward leaves for backward; all null in inference.
  T* saved;                // (T, N, saved_units * H): gates as the cell needs them again;
                           // null: recompute
  T* c_all;                // (T, N, H): c after each step; lstm only
  std::int32_t* previous;  // (N, T): the step whose output each step started from, -1 = h0;
                           // null where there is neither mask nor reset
};

template <class T>
struct RecurrentForward {
  RecurrentSequence<T> seq;
  T* h_n;  // out (N, H); may be h0
  T* c_n;  // out (N, H); may be c0; lstm only
};

template <class T>
struct RecurrentBackward {
  RecurrentSequence<T> seq;
  RecurrentWeights<T> weights;
  const T* dy;    // in (N, T, H) or null
  const T* dh_n;  // in (N, H) or null
  const T* dc_n;  // in (N, H) or null
  T* dx;          // out (N, T, I), or null: not wanted
  T* dkernel;     // out (I, G*H)
  T* drecurrent;  // out (H, G*H)
  T* dbias;       // out like bias, or null
  T* dpeephole;   // out (3, H), or null
  T* dh0;         // out (N, H)
  T* dc0;         // out (N, H); lstm only
};

struct CellInfo {
  const char* name;
  int blocks;       // G
  int saved_units;  // values a unit and step in `saved`
};
CellInfo cell_info(CellKind cell);

template <class T>
void pack_recurrent(const RecurrentConfig& config, const RecurrentWeights<T>& weights,
                    PackedRecurrent<T>* out);
template <class T>
void recurrent_forward(const PackedRecurrent<T>& packed, const RecurrentForward<T>& args);
template <class T>
void recurrent_backward(const RecurrentConfig& config, const RecurrentBackward<T>& args);

// ---- Dense layers --------------------------------------------------------------------------
// y = activation(x W + b): x in (R, I), kernel in (I, O), bias in (O) or null, y out (R, O).
template <class T>
struct DenseForward {
  int rows, input, output;
  const T* x;
  const T* kernel;
  const T* bias;
  T* y;
  Activation activation;
};

// dz: gradient of x W + b, in (R, O). Outputs may be null: not wanted.
template <class T>
struct DenseBackward {
  int rows, input, output;
  const T* x;
  const T* kernel;
  const T* dz;
  T* dx;       // out (R, I)
  T* dkernel;  // out (I, O)
  T* dbias;    // out (O)
};

template <class T>
void dense_forward(const DenseForward<T>& args);
template <class T>
void dense_backward(const DenseBackward<T>& args);

}  // namespace fastrnn
