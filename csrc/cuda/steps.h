// A run over time as its kernels see it.
//
// Steps are counted in running order: forward 0 ... T-1; backward 0 is the last one in time, and a
// further one, T, takes what is left to the initial state. The large scratch arrays hold a chunk of
// time, [first, first + chunk), with the steps of a sequence side by side.
#pragma once

#include "cuda/columns.h"

namespace fastrnn::cuda {

template <class S>
struct Steps {
  Columns columns;
  CellKind cell;
  Activation activation, gate_activation;
  bool usual;  // tanh, and sigmoid where the cell has gates
  int batch, steps, hidden;
  int padded;  // hidden, rounded up to kPadding
  int first, chunk;
  bool reverse;
  bool backward;

  const std::uint8_t* mask;
  const std::uint8_t* reset;
  const std::int32_t* previous;
  const float *h0, *c0;
  const float* h_mask;
  std::int64_t h_mask_gate, h_mask_batch;
  const float* zoneout_h;
  std::int64_t zoneout_h_batch, zoneout_h_step;
  const float* zoneout_c;
  std::int64_t zoneout_c_batch, zoneout_c_step;
  const float* peephole;

  S* y;
  S* saved;
  float* c_all;
  const S* dy;
  float *dh0, *dc0;

  const float* bias;       // (count * padded): what x's product and h's begin from
  const float* projected;  // [n][chunk][input_gates * padded]: x W
  S* dsums;                // [n][chunk][count * padded]: gradients of the sums
  float* state;            // [kStates][N][H]: forward h, c; backward dh, dc, what y's repeats owe
  float* handed;           // [N][H]: two stages: z forward, its gradient backward
  // What the next step's product reads: forward h, backward the gradients of the columns that h
  // feeds; [2][N][depth], by turns.
  S* operand;
  const S* weights;  // (padded, state_gates * padded): the recurrent kernel by columns

  static constexpr int kStates = 3;

  FASTRNN_INLINE int depth() const { return backward ? columns.state_gates * padded : padded; }
  FASTRNN_INLINE int count() const { return backward ? steps + 1 : steps; }
  FASTRNN_INLINE bool at_end(int step) const { return step == steps; }
  // The place in time of a step in running order.
  FASTRNN_INLINE int time(int step) const { return backward != reverse ? steps - 1 - step : step; }
  FASTRNN_INLINE std::int64_t at(int n, int t) const {
    return static_cast<std::int64_t>(n) * steps + t;
  }
  FASTRNN_INLINE bool valid(int n, int t) const { return !mask || mask[at(n, t)]; }
  FASTRNN_INLINE bool starts_anew(int n, int t) const { return reset && reset[at(n, t)]; }
  FASTRNN_INLINE std::int64_t chunk_row(int n, int t) const {
    return static_cast<std::int64_t>(n) * chunk + (t - first);
  }
  // In (T, N, H).
  FASTRNN_INLINE std::int64_t kept(int n, int t) const {
    return (static_cast<std::int64_t>(t) * batch + n) * hidden;
  }
  FASTRNN_INLINE float* state_of(int which, int n, int unit) const {
    return state + (static_cast<std::int64_t>(which) * batch + n) * hidden + unit;
  }
  FASTRNN_INLINE float h_dropout(int n, int unit, int block) const {
    return h_mask ? h_mask[n * h_mask_batch + block * h_mask_gate + unit] : 1.0f;
  }
  FASTRNN_INLINE S* operand_row(int turn, int n) const {
    return operand + (static_cast<std::int64_t>(turn) * batch + n) * depth();
  }
  // The step whose output step t started from, -1: the initial state.
  FASTRNN_INLINE int before(int n, int t) const {
    if (previous) return previous[at(n, t)];
    const int earlier = reverse ? t + 1 : t - 1;
    return earlier < steps ? earlier : -1;
  }
  FASTRNN_INLINE float h_before(int n, int t, int unit) const {
    const int from = before(n, t);
    return from < 0 ? h0[static_cast<std::int64_t>(n) * hidden + unit]
                    : to_float(y[at(n, from) * hidden + unit]);
  }
  // c after a step, -1: the initial one.
  FASTRNN_INLINE float c_after(int n, int t, int unit) const {
    return t < 0 ? c0[static_cast<std::int64_t>(n) * hidden + unit] : c_all[kept(n, t) + unit];
  }
};

}  // namespace fastrnn::cuda
