// GRU, reset before the product (Cho et al. 2014 as written; Keras' reset_after=False):
//   z = s(x W_z + h' R_z + b_z)           r = s(x W_r + h' R_r + b_r)
//   n = a(x W_n + (r h') R_n + b_n)       h = z h' + (1 - z) n
// The candidate's product needs every unit's r, so a step has two stages: the gates, which hand on
// z and r h', and the candidate.
#pragma once

#include "cells/cell.h"

FASTRNN_ISA_BEGIN
namespace {

struct GruCandidate {
  static constexpr int kGates = 1;
  static constexpr int kSaved = 3;  // z, r, n: one set of rows for both stages
  static constexpr bool kHasMemory = false;
  static constexpr int kInputFirst = 0, kInputGates = 1;
  static constexpr int kStateFirst = 0, kStateGates = 1;
  static constexpr int kBlocks = 3;
  static constexpr int kInputBlock[] = {2};
  static constexpr int kStateBlock[] = {2};

  // row.c_prev: z.
  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void forward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                     const T* sums, int, const ForwardRow<T>& row) {
    const Vec<T> n = Activations<T, kUsual>::state(cx, load(sums));
    if (row.saved) u.put(row.saved + 2 * cx.hidden, n);
    if (!row.h) return;
    const Vec<T> h_prev = u.get(row.h_prev);
    Vec<T> h = zone<T>(u.get(row.c_prev), h_prev, n);
    if (row.zoneout_h) h = zone<T>(u.get(row.zoneout_h), h_prev, h);
    u.put(row.h, h);
  }

  // row.dc out: the gradient of z.
  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void backward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                      const BackwardRow<T>& row, T* dsums, int) {
    const Vec<T> z = u.get(row.saved);
    const Vec<T> n = u.get(row.saved + 2 * cx.hidden);
    Vec<T> dh = u.get(row.dh);
    Vec<T> dh_past = {};
    if (row.zoneout_h) {
      dh_past = u.get(row.zoneout_h) * dh;
      dh -= dh_past;
    }
    u.set_column(dsums, 0, 0, (dh - dh * z) * Activations<T, kUsual>::state_gradient(cx, n));
    u.put(row.dc, dh * (u.get(row.h_prev) - n));
    u.put(row.dh, dh_past + dh * z);
  }
};

struct GruResetBeforeCell {
  using Second = GruCandidate;
  static constexpr int kGates = 2;
  static constexpr int kSaved = 3;
  static constexpr bool kHasMemory = false;
  static constexpr int kInputFirst = 0, kInputGates = 2;
  static constexpr int kStateFirst = 0, kStateGates = 2;
  static constexpr int kBlocks = 3;
  static constexpr int kInputBlock[] = {0, 1};
  static constexpr int kStateBlock[] = {0, 1};

  // row.h out: z. row.c out: r h'.
  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void forward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                     const T* sums, int stride, const ForwardRow<T>& row) {
    using A = Activations<T, kUsual>;
    const Vec<T> z = A::gate(cx, load(sums));
    const Vec<T> r = A::gate(cx, load(sums + stride));
    if (row.saved) {
      u.put(row.saved, z);
      u.put(row.saved + cx.hidden, r);
    }
    if (row.h) u.put(row.h, z);
    u.put(row.c, r * u.get(row.h_prev));
  }

  // row.c_prev: the gradient of r h'. row.dc in: that of z; out: r h' itself.
  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void backward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                      const BackwardRow<T>& row, T* dsums, int stride) {
    using A = Activations<T, kUsual>;
    const Vec<T> z = u.get(row.saved);
    const Vec<T> r = u.get(row.saved + cx.hidden);
    const Vec<T> h_prev = u.get(row.h_prev);
    const Vec<T> d_product = u.get(row.c_prev);
    u.set_column(dsums, 0, stride, u.get(row.dc) * A::gate_gradient(cx, z));
    u.set_column(dsums, 1, stride, d_product * h_prev * A::gate_gradient(cx, r));
    u.put(row.dh, u.get(row.dh) + d_product * r);
    u.put(row.dc, r * h_prev);
  }
};

}  // namespace
FASTRNN_ISA_END
