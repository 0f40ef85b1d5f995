// What a cell is: its equations, one vector of units at a time, forward and backward. A cell knows
// nothing of time, threads or matrices: the sums arrive in registers' shape, gate by gate, and
// gradients of the sums leave the same way.
//
// A cell (lstm.h, gru.h, rnn.h) provides
//   kGates       columns a unit in its panels (cpu/panels.h)
//   kBlocks      blocks of `hidden` columns in Keras' weight layout
//   kInputBlock, kStateBlock
//                for each column its block of the input and the recurrent kernel, -1: none
//   kInputFirst, kInputGates, kStateFirst, kStateGates
//                the run of columns that each product feeds
//   kSaved       values a unit that forward leaves for backward, a row of `hidden` each
//   kHasMemory   whether there is a c
//   Second       the cell that ends the step where one product needs another's gates, or void
//   forward, backward
#pragma once

#include "activation.h"
#include "cells/activations.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T>
struct CellContext {
  Activation activation;
  Activation gate_activation;
  const T* peephole;  // (3, hidden) for i, f, o, or null
  int hidden;
};

// Row pointers, each at unit 0 of its row of `hidden` values. Null where the cell has no use.
template <class T>
struct ForwardRow {
  const T* h_prev;
  const T* c_prev;
  T* h;                // out; null when only `saved` is wanted (recompute)
  T* c;                // out; may be c_prev
  const T* zoneout_h;  // null: none
  const T* zoneout_c;
  T* saved;  // out, kSaved rows one after the other; or null
};

template <class T>
struct BackwardRow {
  const T* h_prev;
  const T* c_prev;
  const T* h;  // the step's output
  T* dh;       // in: gradient of h; out: its part that reaches h_prev past the products
  T* dc;       // in: gradient of c; out: of c_prev
  const T* zoneout_h;
  const T* zoneout_c;
  const T* saved;  // as forward left it; or null where h is all that is needed
};

// The part of a row that is at work: n units from `unit` on, fewer than a vector only at the end.
template <class T, bool kFull>
struct Units {
  int unit;
  int n;
  FASTRNN_INLINE Vec<T> get(const T* row) const {
    return kFull ? load(row + unit) : load_n(row + unit, n);
  }
  FASTRNN_INLINE void put(T* row, Vec<T> v) const {
    if constexpr (kFull) {
      store(row + unit, v);
    } else {
      store_n(row + unit, v, n);
    }
  }
  // Columns lie `stride` apart. They may be read in whole vectors; what is behind is unused.
  FASTRNN_INLINE void set_column(T* columns, int index, int stride, Vec<T> v) const {
    if constexpr (kFull) {
      store(columns + index * stride, v);
    } else {
      store_n(columns + index * stride, v, n);
    }
  }
};

// The usual activations without a branch.
template <class T, bool kUsual>
struct Activations {
  static FASTRNN_INLINE Vec<T> gate(const CellContext<T>& cx, Vec<T> x) {
    if constexpr (kUsual) return vsigmoid<T>(x);
    return activate<T>(cx.gate_activation, x);
  }
  static FASTRNN_INLINE Vec<T> state(const CellContext<T>& cx, Vec<T> x) {
    if constexpr (kUsual) return vtanh<T>(x);
    return activate<T>(cx.activation, x);
  }
  // Derivatives, from the activation's result.
  static FASTRNN_INLINE Vec<T> gate_gradient(const CellContext<T>& cx, Vec<T> y) {
    if constexpr (kUsual) return y - y * y;
    return activation_gradient<T>(cx.gate_activation, y);
  }
  static FASTRNN_INLINE Vec<T> state_gradient(const CellContext<T>& cx, Vec<T> y) {
    if constexpr (kUsual) return set1(T(1)) - y * y;
    return activation_gradient<T>(cx.activation, y);
  }
};

// zoneout * previous + (1 - zoneout) * fresh.
template <class T>
FASTRNN_INLINE Vec<T> zone(Vec<T> zoneout, Vec<T> previous, Vec<T> fresh) {
  return fresh + zoneout * (previous - fresh);
}

}  // namespace
FASTRNN_ISA_END
