// LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000; peepholes: Gers &
// Schmidhuber 2000). Keras' gate order i, f, g, o:
//   i = s(x W_i + h' R_i + b_i + p_i c')     f = s(x W_f + h' R_f + b_f + p_f c')
//   g = a(x W_g + h' R_g + b_g)              c = f c' + i g
//   o = s(x W_o + h' R_o + b_o + p_o c)      h = o a(c)
// with h', c' of the step before, s the gate activation, a the activation.
#pragma once

#include "cells/cell.h"

FASTRNN_ISA_BEGIN
namespace {

struct LstmCell {
  static constexpr int kGates = 4;
  static constexpr int kSaved = 4;  // i, f, g, o
  using Second = void;
  static constexpr bool kHasMemory = true;
  static constexpr int kInputFirst = 0, kInputGates = 4;
  static constexpr int kStateFirst = 0, kStateGates = 4;
  static constexpr int kBlocks = 4;
  static constexpr int kInputBlock[] = {0, 1, 2, 3};
  static constexpr int kStateBlock[] = {0, 1, 2, 3};

  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void forward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                     const T* sums, int stride, const ForwardRow<T>& row) {
    using A = Activations<T, kUsual>;
    const Vec<T> c_prev = u.get(row.c_prev);
    Vec<T> i = load(sums);
    Vec<T> f = load(sums + stride);
    Vec<T> o = load(sums + 3 * stride);
    if (cx.peephole) {
      i += u.get(cx.peephole) * c_prev;
      f += u.get(cx.peephole + cx.hidden) * c_prev;
    }
    i = A::gate(cx, i);
    f = A::gate(cx, f);
    const Vec<T> g = A::state(cx, load(sums + 2 * stride));
    Vec<T> c = f * c_prev + i * g;
    if (cx.peephole) o += u.get(cx.peephole + 2 * cx.hidden) * c;
    o = A::gate(cx, o);
    if (row.saved) {
      u.put(row.saved, i);
      u.put(row.saved + cx.hidden, f);
      u.put(row.saved + 2 * cx.hidden, g);
      u.put(row.saved + 3 * cx.hidden, o);
    }
    if (!row.h) return;
    Vec<T> h = o * A::state(cx, c);
    if (row.zoneout_h) h = zone<T>(u.get(row.zoneout_h), u.get(row.h_prev), h);
    if (row.zoneout_c) c = zone<T>(u.get(row.zoneout_c), c_prev, c);
    u.put(row.h, h);
    u.put(row.c, c);
  }

  // dsums: gradients of the four sums, for both products.
  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void backward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                      const BackwardRow<T>& row, T* dsums, int stride) {
    using A = Activations<T, kUsual>;
    const Vec<T> i = u.get(row.saved);
    const Vec<T> f = u.get(row.saved + cx.hidden);
    const Vec<T> g = u.get(row.saved + 2 * cx.hidden);
    const Vec<T> o = u.get(row.saved + 3 * cx.hidden);
    const Vec<T> c_prev = u.get(row.c_prev);
    const Vec<T> a = A::state(cx, f * c_prev + i * g);
    Vec<T> dh = u.get(row.dh);
    Vec<T> dc = u.get(row.dc);
    Vec<T> dh_past = {};
    Vec<T> dc_past = {};
    if (row.zoneout_h) {
      dh_past = u.get(row.zoneout_h) * dh;
      dh -= dh_past;
    }
    if (row.zoneout_c) {
      dc_past = u.get(row.zoneout_c) * dc;
      dc -= dc_past;
    }
    const Vec<T> d_o = dh * a * A::gate_gradient(cx, o);
    dc += dh * o * A::state_gradient(cx, a);
    if (cx.peephole) dc += d_o * u.get(cx.peephole + 2 * cx.hidden);
    const Vec<T> d_i = dc * g * A::gate_gradient(cx, i);
    const Vec<T> d_f = dc * c_prev * A::gate_gradient(cx, f);
    const Vec<T> d_g = dc * i * A::state_gradient(cx, g);
    dc_past += dc * f;
    if (cx.peephole) {
      dc_past += d_i * u.get(cx.peephole) + d_f * u.get(cx.peephole + cx.hidden);
    }
    u.set_column(dsums, 0, stride, d_i);
    u.set_column(dsums, 1, stride, d_f);
    u.set_column(dsums, 2, stride, d_g);
    u.set_column(dsums, 3, stride, d_o);
    u.put(row.dc, dc_past);
    u.put(row.dh, dh_past);
  }
};

}  // namespace
FASTRNN_ISA_END
