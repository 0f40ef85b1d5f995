// The simple recurrent network (Elman 1990): h = a(x W + h' R + b), a any activation.
#pragma once

#include "cells/cell.h"

FASTRNN_ISA_BEGIN
namespace {

struct RnnCell {
  static constexpr int kGates = 1;
  static constexpr int kSaved = 1;  // a(...), before zoneout
  using Second = void;
  static constexpr bool kHasMemory = false;
  static constexpr int kInputFirst = 0, kInputGates = 1;
  static constexpr int kStateFirst = 0, kStateGates = 1;
  static constexpr int kBlocks = 1;
  static constexpr int kInputBlock[] = {0};
  static constexpr int kStateBlock[] = {0};

  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void forward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                     const T* sums, int, const ForwardRow<T>& row) {
    Vec<T> h = Activations<T, kUsual>::state(cx, load(sums));
    if (row.saved) u.put(row.saved, h);
    if (!row.h) return;
    if (row.zoneout_h) h = zone<T>(u.get(row.zoneout_h), u.get(row.h_prev), h);
    u.put(row.h, h);
  }

  template <class T, bool kUsual, bool kFull>
  static FASTRNN_INLINE void backward(const CellContext<T>& cx, const Units<T, kFull>& u,
                                      const BackwardRow<T>& row, T* dsums, int stride) {
    Vec<T> dh = u.get(row.dh);
    Vec<T> dh_past = {};
    if (row.zoneout_h) {
      dh_past = u.get(row.zoneout_h) * dh;
      dh -= dh_past;
    }
    const Vec<T> a = row.saved ? u.get(row.saved) : u.get(row.h);
    u.set_column(dsums, 0, stride, dh * Activations<T, kUsual>::state_gradient(cx, a));
    u.put(row.dh, dh_past);
  }
};

}  // namespace
FASTRNN_ISA_END
