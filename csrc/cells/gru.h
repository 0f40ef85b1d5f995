// GRU, reset after the product (Cho et al. 2014 as cuDNN and Keras' reset_after=True have it):
//   z = s(x W_z + h' R_z + b_z)   r = s(x W_r + h' R_r + b_r)   q = h' R_n + b_rn
//   n = a(x W_n + b_n + r q)      h = z h' + (1 - z) n
// Columns of a panel: n (input's part), z, r, q. The input product feeds the first three, the
// recurrent product the last three; their gradients [dn, dz, dr, dq = r dn] lie the same way, so
// each product finds its three side by side.
#pragma once

#include "cells/cell.h"

FASTRNN_ISA_BEGIN
namespace {

struct GruCell {
  static constexpr int kGates = 4;
  static constexpr int kSaved = 4;  // n, z, r, q
  using Second = void;
  static constexpr bool kHasMemory = false;
  static constexpr int kInputFirst = 0, kInputGates = 3;
  static constexpr int kStateFirst = 1, kStateGates = 3;
  static constexpr int kBlocks = 3;  // Keras' order z, r, n
  static constexpr int kInputBlock[] = {2, 0, 1, -1};
  static constexpr int kStateBlock[] = {-1, 0, 1, 2};

  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void forward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                     const T* sums, int stride, const ForwardRow<T>& row) {
    using A = Activations<T, kUsual>;
    const Vec<T> z = A::gate(cx, load(sums + stride));
    const Vec<T> r = A::gate(cx, load(sums + 2 * stride));
    const Vec<T> q = load(sums + 3 * stride);
    const Vec<T> n = A::state(cx, load(sums) + r * q);
    if (row.saved) {
      u.put(row.saved, n);
      u.put(row.saved + cx.hidden, z);
      u.put(row.saved + 2 * cx.hidden, r);
      u.put(row.saved + 3 * cx.hidden, q);
    }
    if (!row.h) return;
    const Vec<T> h_prev = u.get(row.h_prev);
    Vec<T> h = zone<T>(z, h_prev, n);
    if (row.zoneout_h) h = zone<T>(u.get(row.zoneout_h), h_prev, h);
    u.put(row.h, h);
  }

  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void backward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                      const BackwardRow<T>& row, T* dsums, int stride) {
    using A = Activations<T, kUsual>;
    const Vec<T> n = u.get(row.saved);
    const Vec<T> z = u.get(row.saved + cx.hidden);
    const Vec<T> r = u.get(row.saved + 2 * cx.hidden);
    const Vec<T> q = u.get(row.saved + 3 * cx.hidden);
    Vec<T> dh = u.get(row.dh);
    Vec<T> dh_past = {};
    if (row.zoneout_h) {
      dh_past = u.get(row.zoneout_h) * dh;
      dh -= dh_past;
    }
    const Vec<T> d_n = (dh - dh * z) * A::state_gradient(cx, n);
    u.set_column(dsums, 0, stride, d_n);
    u.set_column(dsums, 1, stride, dh * (u.get(row.h_prev) - n) * A::gate_gradient(cx, z));
    u.set_column(dsums, 2, stride, d_n * q * A::gate_gradient(cx, r));
    u.set_column(dsums, 3, stride, d_n * r);
    u.put(row.dh, dh_past + dh * z);
  }
};

}  // namespace
FASTRNN_ISA_END
