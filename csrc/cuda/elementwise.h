// The small work around a run: each function object does element i of its own.
#pragma once

#include "cuda/pointwise.h"

namespace fastrnn::cuda {

// A weight matrix in columns: row i / width, column i % width.
template <class S>
struct PackWeights {
  const S* from;  // (rows, blocks * hidden)
  S* to;          // (any, gates * padded)
  int rows, hidden, padded, blocks, gates;
  int block[kMaxColumns];

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const int width = gates * padded;
    const std::int64_t row = i / width;
    const int gate = static_cast<int>(i % width) / padded;
    const int unit = static_cast<int>(i % width) % padded;
    to[i] = row < rows && unit < hidden ? from[(row * blocks + block[gate]) * hidden + unit]
                                        : from_float<S>(0.0f);
  }
};

// The same backwards, for gradients: element i of (rows, blocks * hidden).
struct UnpackWeights {
  const float* from;
  float* to;
  int hidden, padded, blocks, gates;
  int column[kMaxColumns];  // of each block

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const std::int64_t row = i / (blocks * hidden);
    const int block = static_cast<int>(i % (blocks * hidden)) / hidden;
    const int unit = static_cast<int>(i % hidden);
    to[i] = from[(row * gates + column[block]) * padded + unit];
  }
};

// What the sums begin from: one bias, or the GRU's two, which add up where both products feed a
// column.
struct PackBias {
  const float* bias;  // or null
  float* to;          // (count * padded)
  int hidden, padded;
  Columns columns;

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const int g = static_cast<int>(i) / padded, unit = static_cast<int>(i) % padded;
    float sum = 0.0f;
    if (bias && unit < hidden) {
      const int input = columns.input_block[g], state = columns.state_block[g];
      if (input >= 0) sum += bias[input * hidden + unit];
      if (columns.two_bias_rows && state >= 0) {
        sum += bias[(columns.blocks + state) * hidden + unit];
      }
    }
    to[i] = sum;
  }
};

// And the gradient, from the sums of dsums' columns.
struct UnpackBias {
  const float* sums;  // (count * padded)
  float* to;
  int hidden, padded;
  Columns columns;

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const int row = static_cast<int>(i) / (columns.blocks * hidden);
    const int block = static_cast<int>(i) / hidden % columns.blocks;
    const int unit = static_cast<int>(i) % hidden;
    const int* of = row == 0 ? columns.input_block : columns.state_block;
    for (int g = 0; g < columns.count; ++g) {
      if (of[g] == block) to[i] = sums[g * padded + unit];
    }
  }
};

// For sequence i, which step's output each step starts from.
struct FindPrevious {
  const std::uint8_t* mask;
  const std::uint8_t* reset;
  std::int32_t* previous;
  int steps;
  bool reverse;

  FASTRNN_INLINE void operator()(std::int64_t n) const {
    int last = -1;
    for (int s = 0; s < steps; ++s) {
      const int t = reverse ? steps - 1 - s : s;
      const std::int64_t at = n * steps + t;
      if (reset && reset[at]) last = -1;
      previous[at] = last;
      if (!mask || mask[at]) last = t;
    }
  }
};

// Before the first step: element i of (N, H).
template <class S>
struct Begin {
  Steps<S> a;
  const float *dh_n, *dc_n;  // backward
  int groups;                // copies of the operand: one for each gate with a mask of its own

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const int n = static_cast<int>(i / a.hidden), unit = static_cast<int>(i % a.hidden);
    if (!a.backward) {
      *a.state_of(0, n, unit) = a.h0[i];
      if (a.columns.memory) *a.state_of(1, n, unit) = a.c0[i];
      for (int k = 0; k < groups; ++k) {
        a.operand_row(k, n)[unit] = from_float<S>(
            a.h0[i] * a.h_dropout(n, unit, a.columns.state_block[a.columns.state_first + k]));
      }
      return;
    }
    *a.state_of(0, n, unit) = dh_n ? dh_n[i] : 0.0f;
    *a.state_of(2, n, unit) = 0.0f;
    a.dh0[i] = 0.0f;
    if (!a.columns.memory) return;
    *a.state_of(1, n, unit) = dc_n ? dc_n[i] : 0.0f;
    a.dc0[i] = 0.0f;
  }
};

// After the last step.
template <class S>
struct FinalStates {
  Steps<S> a;
  float *h_n, *c_n;

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    h_n[i] = a.state[i];
    if (a.columns.memory) c_n[i] = *(a.state_of(1, 0, 0) + i);
  }
};

// A chunk's rows of x, [n][chunk][I]: zero where the step is masked, times the dropout mask.
template <class S>
struct GatherInput {
  const S* x;
  std::int64_t x_batch, x_step;
  const float* x_mask;  // of the gate; or null
  std::int64_t x_mask_batch;
  const std::uint8_t* mask;
  S* to;
  int input, steps, first, chunk;

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const int k = static_cast<int>(i % input);
    const int t = first + static_cast<int>(i / input % chunk);
    const std::int64_t n = i / input / chunk;
    if (mask && !mask[n * steps + t]) {
      to[i] = from_float<S>(0.0f);
      return;
    }
    const S value = x[n * x_batch + t * x_step + k];
    to[i] = x_mask ? from_float<S>(to_float(value) * x_mask[n * x_mask_batch + k]) : value;
  }
};

// A chunk's rows of what the recurrent product read, [n][chunk][H].
template <class S>
struct GatherState {
  Steps<S> a;
  S* to;
  int block;   // of the recurrent kernel: whose dropout mask
  bool gated;  // a second stage's r h

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const int unit = static_cast<int>(i % a.hidden);
    const int t = a.first + static_cast<int>(i / a.hidden % a.chunk);
    const int n = static_cast<int>(i / a.hidden / a.chunk);
    float h = 0.0f;
    if (a.valid(n, t)) {
      h = a.h_before(n, t, unit) * a.h_dropout(n, unit, block);
      if (gated) h *= to_float(a.saved[a.kept(n, t) * a.columns.saved_units + a.hidden + unit]);
    }
    to[i] = from_float<S>(h);
  }
};

// Part i / width of the rows, column i % width: their sum.
template <class S>
struct SumRows {
  const S* from;  // (rows, width)
  float* parts;   // (kSumParts, width)
  std::int64_t rows;
  int width, part_count;

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const std::int64_t part = i / width;
    const std::int64_t end = rows * (part + 1) / part_count;
    float sum = 0.0f;
    for (std::int64_t r = rows * part / part_count; r < end; ++r) {
      sum += to_float(from[r * width + i % width]);
    }
    parts[i] = sum;
  }
};

// The sum of the parts; added to what earlier chunks gave.
struct SumParts {
  const float* parts;
  float* to;
  int width, part_count;
  bool first;

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    float sum = first ? 0.0f : to[i];
    for (int part = 0; part < part_count; ++part) sum += parts[part * width + i];
    to[i] = sum;
  }
};

// Peepholes' gradients: part i / H of a chunk's rows, unit i % H. i and f look at c before the
// step, o at c after it, which the gates give again.
template <class S>
struct SumPeepholes {
  Steps<S> a;
  float* parts;  // (kSumParts, 3 H)
  int part_count;

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const std::int64_t part = i / a.hidden, rows = static_cast<std::int64_t>(a.batch) * a.chunk;
    const int unit = static_cast<int>(i % a.hidden);
    const std::int64_t end = rows * (part + 1) / part_count;
    float sums[3] = {};
    for (std::int64_t r = rows * part / part_count; r < end; ++r) {
      const int n = static_cast<int>(r / a.chunk), t = a.first + static_cast<int>(r % a.chunk);
      if (!a.valid(n, t)) continue;
      S saved[kMaxColumns] = {};
      load_saved(a, n, t, unit, saved);
      const S* d = a.dsums + r * a.columns.count * a.padded + unit;
      const float c_prev = a.c_after(n, a.before(n, t), unit);
      sums[0] += to_float(d[0]) * c_prev;
      sums[1] += to_float(d[a.padded]) * c_prev;
      sums[2] += to_float(d[3 * a.padded]) *
                 (to_float(saved[1]) * c_prev + to_float(saved[0]) * to_float(saved[2]));
    }
    for (int k = 0; k < 3; ++k) parts[(part * 3 + k) * a.hidden + unit] = sums[k];
  }
};

// dx under dropout: element i of [n][chunk][I], a gate's share after the other's.
template <class S>
struct MaskInputGradient {
  const float* product;
  const float* x_mask;
  std::int64_t x_mask_batch;
  float* sum;
  S* dx;  // (N, T, I)
  int input, steps, first, chunk;
  bool first_gate, last_gate;

  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const int k = static_cast<int>(i % input);
    const int t = first + static_cast<int>(i / input % chunk);
    const std::int64_t n = i / input / chunk;
    float value = product[i] * x_mask[n * x_mask_batch + k];
    if (!first_gate) value += sum[i];
    if (last_gate) {
      dx[(n * steps + t) * input + k] = from_float<S>(value);
    } else {
      sum[i] = value;
    }
  }
};

}  // namespace fastrnn::cuda
