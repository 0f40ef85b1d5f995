// Tier C's pointwise kernels: element i is unit i % H of sequence i / H. A step's number is counted
// from `base`, in memory, where the same launches serve many times in a graph.
#pragma once

#include "cuda/pointwise.h"

namespace fastrnn::cuda {

struct StepNumber {
  const int* base;  // or null
  int offset;
  FASTRNN_INLINE int operator()() const { return base ? *base + offset : offset; }
};

struct AddSteps {
  int* base;
  int count;
  FASTRNN_INLINE void operator()(std::int64_t) const { *base += count; }
};

template <class S>
struct StepKernel {
  Steps<S> a;
  StepNumber number;
  const float* product;  // forward [n][state_gates * padded], backward [mask's group][n][padded]
  bool per_gate;         // whether gates have dropout masks of their own

  FASTRNN_INLINE int block_of(int k) const {
    return a.columns.state_block[a.columns.state_first + k];
  }

  // h for the product of columns [k0, k1) from state_first on, each group under its mask.
  FASTRNN_INLINE void put_h(int n, int unit, float h, int k0, int k1) const {
    for (int k = k0; k < (per_gate ? k1 : k0 + 1); ++k) {
      a.operand_row(k, n)[unit] = from_float<S>(h * a.h_dropout(n, unit, block_of(k)));
    }
  }
  FASTRNN_INLINE void forward_product(int n, int unit, float* sums) const {
    const float* from = product + static_cast<std::int64_t>(n) * a.columns.state_gates * a.padded;
    FASTRNN_UNROLL
    for (int k = 0; k < kMaxColumns; ++k) {
      if (k < a.columns.state_gates) sums[k] = from[k * a.padded + unit];
    }
  }
  // What products with the transposed columns [k0, k1) gave.
  FASTRNN_INLINE float backward_product(int n, int unit, int k0, int k1) const {
    float sum = 0.0f;
    for (int k = k0; k < (per_gate ? k1 : k0 + 1); ++k) {
      sum += product[(static_cast<std::int64_t>(k) * a.batch + n) * a.padded + unit] *
             a.h_dropout(n, unit, block_of(k));
    }
    return sum;
  }
  FASTRNN_INLINE void put_dsums(int n, int unit, const float* dsums, int k0, int k1) const {
    FASTRNN_UNROLL
    for (int k = 0; k < kMaxColumns; ++k) {
      if (k >= k0 && k < k1) a.operand_row(0, n)[k * a.padded + unit] = from_float<S>(dsums[k]);
    }
  }
};

template <class S>
struct ForwardStep : StepKernel<S> {
  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const Steps<S>& a = this->a;
    const int n = static_cast<int>(i / a.hidden), unit = static_cast<int>(i % a.hidden);
    const int step = this->number();
    float sums[kMaxColumns] = {};
    this->forward_product(n, unit, sums);
    const float h = apply_forward<true>(a, step, n, unit, load_forward(a, step, n, unit), sums);
    this->put_h(n, unit, h, 0, a.columns.state_gates);
  }
};

template <class S>
struct BackwardStep : StepKernel<S> {
  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const Steps<S>& a = this->a;
    const int n = static_cast<int>(i / a.hidden), unit = static_cast<int>(i % a.hidden);
    const int step = this->number();
    float dsums[kMaxColumns];
    const float through = this->backward_product(n, unit, 0, a.columns.state_gates);
    apply_backward<true>(a, step, n, unit, load_backward(a, step, n, unit), through, dsums);
    if (a.at_end(step)) return;
    float of_state[kMaxColumns] = {};
    FASTRNN_UNROLL
    for (int g = 0; g < kMaxColumns; ++g) {
      const int k = g - a.columns.state_first;
      FASTRNN_UNROLL
      for (int to = 0; to < kMaxColumns; ++to) {
        if (to == k) of_state[to] = dsums[g];
      }
    }
    this->put_dsums(n, unit, of_state, 0, a.columns.state_gates);
  }
};

// ---- Two stages: the GRU with the reset before the product ---------------------------------
// z and r; hands on z, and r h to the candidate's product.
template <class S>
struct ForwardGates : StepKernel<S> {
  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const Steps<S>& a = this->a;
    const int n = static_cast<int>(i / a.hidden), unit = static_cast<int>(i % a.hidden);
    const int step = this->number();
    ForwardInputs in = load_forward(a, step, n, unit);
    float gated = 0.0f;
    if (in.valid) {
      float product[kMaxColumns] = {};
      this->forward_product(n, unit, product);
      for (int k = 0; k < 2; ++k) in.sums[k] = in.sums[k] + in.bias[k] + product[k];
      UnitValues v;
      v.h_prev = in.h;
      cell_forward<true, true, GruResetBeforeCell>(a, in.sums, nullptr, a.handed + i, &gated, &v);
      if (a.saved) store_saved(a, n, a.time(step), unit, v.saved, 0, 2);
    }
    this->put_h(n, unit, gated, 2, 3);
  }
};

template <class S>
struct ForwardCandidate : StepKernel<S> {
  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const Steps<S>& a = this->a;
    const int n = static_cast<int>(i / a.hidden), unit = static_cast<int>(i % a.hidden);
    const int step = this->number(), t = a.time(step);
    ForwardInputs in = load_forward(a, step, n, unit);
    float h = in.h;
    if (in.valid) {
      float product[kMaxColumns] = {};
      this->forward_product(n, unit, product);
      const float sum = in.sums[2] + in.bias[2] + product[2];
      UnitValues v;
      load_options(a, n, t, unit, &v);
      v.h_prev = in.h;
      cell_forward<true, true, GruCandidate>(a, &sum, a.handed + i, &h, nullptr, &v);
      if (a.saved) store_saved(a, n, t, unit, v.saved, 2, 1);
      a.y[a.at(n, t) * a.hidden + unit] = from_float<S>(h);
    } else {
      repeat_output(a, step, n, unit);
    }
    this->put_h(n, unit, hand_on(a, step, n, unit, h, 0.0f), 0, 2);
  }
};

// The candidate's sum; hands on the gradient of z.
template <class S>
struct BackwardCandidate : StepKernel<S> {
  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const Steps<S>& a = this->a;
    const int n = static_cast<int>(i / a.hidden), unit = static_cast<int>(i % a.hidden);
    const int step = this->number();
    BackwardInputs<S> in = load_backward(a, step, n, unit);
    in.dh += this->backward_product(n, unit, 0, 2);
    settle(a, n, unit, &in);
    if (a.at_end(step)) return;
    receive(a, n, unit, &in);
    float dsums[kMaxColumns] = {};
    if (in.valid) {
      UnitValues v = values_of(a, step, n, unit, in, true);
      cell_backward<true, true, GruCandidate>(a, nullptr, a.handed + i, &v, dsums + 2);
      in.dh = v.dh;
    }
    store_dsums(a, step, n, unit, dsums, 2, 1);
    *a.state_of(0, n, unit) = in.dh;
    this->put_dsums(n, unit, dsums, 2, 3);
  }
};

// The sums of z and r.
template <class S>
struct BackwardGates : StepKernel<S> {
  FASTRNN_INLINE void operator()(std::int64_t i) const {
    const Steps<S>& a = this->a;
    const int n = static_cast<int>(i / a.hidden), unit = static_cast<int>(i % a.hidden);
    const int step = this->number();
    if (a.at_end(step)) return;
    const BackwardInputs<S> in = load_backward(a, step, n, unit);
    float dsums[kMaxColumns] = {};
    if (in.valid) {
      UnitValues v = values_of(a, step, n, unit, in, true);
      const float d_gated = this->backward_product(n, unit, 2, 3);
      cell_backward<true, true, GruResetBeforeCell>(a, &d_gated, a.handed + i, &v, dsums);
      *a.state_of(0, n, unit) = v.dh;
    }
    store_dsums(a, step, n, unit, dsums, 0, 2);
    this->put_dsums(n, unit, dsums, 0, 2);
  }
};

}  // namespace fastrnn::cuda
