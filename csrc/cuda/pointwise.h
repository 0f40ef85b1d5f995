// What a step does to one unit of one sequence, after the recurrent product: the cell's equations
// (cells/*.h, on local variables), masks, resets, and what is left for backward.
//
// Split in two, so that a kernel can ask for what lies in memory before the product is ready. What
// was asked for is not touched before: not even converted, which would wait for it.
#pragma once

#include "cuda/steps.h"

namespace fastrnn::cuda {

// The rows that a cell reads and writes, one unit of each.
struct UnitValues {
  float h_prev, c_prev;
  float h, c;
  float dh, dc;
  float zoneout_h, zoneout_c;
  float saved[kMaxColumns];
  float peephole[3];
};

// Zoneout and peepholes are rare: without them their pointers are null when compiled, and the
// unit's values stay in registers.
template <class S>
FASTRNN_INLINE bool has_options(const Steps<S>& a) {
  return a.zoneout_h || a.zoneout_c || a.peephole;
}

template <class S>
FASTRNN_INLINE void load_options(const Steps<S>& a, int n, int t, int unit, UnitValues* v) {
  if (a.zoneout_h) {
    v->zoneout_h = a.zoneout_h[n * a.zoneout_h_batch + t * a.zoneout_h_step + unit];
  }
  if (a.zoneout_c) {
    v->zoneout_c = a.zoneout_c[n * a.zoneout_c_batch + t * a.zoneout_c_step + unit];
  }
  if (a.peephole) {
    FASTRNN_UNROLL
    for (int k = 0; k < 3; ++k) v->peephole[k] = a.peephole[k * a.hidden + unit];
  }
}

// Calls fn(context, whether tanh and sigmoid serve). kAny: any activation that is fused; a
// persistent kernel knows the usual ones, and relu for the simple network.
template <bool kAny, bool kOptions, class Cell, class S, class Fn>
FASTRNN_INLINE void with_activations(const Steps<S>& a, const UnitValues& v, const Fn& fn) {
  CellContext<float> context{a.activation, a.gate_activation,
                             kOptions && a.peephole ? v.peephole : nullptr, 1};
  if constexpr (kAny) {
    if (!a.usual) {
      fn(context, std::false_type());
      return;
    }
  } else if constexpr (Cell::kBlocks == 1) {
    if (!a.usual) {
      context.activation = Activation::kRelu;
      fn(context, std::false_type());
      return;
    }
  }
  fn(context, std::true_type());
}

template <bool kAny, bool kOptions, class Cell, class S>
FASTRNN_INLINE void cell_forward(const Steps<S>& a, const float* sums, const float* c_prev,
                                 float* h, float* c, UnitValues* v) {
  const ForwardRow<float> row{&v->h_prev,
                              c_prev,
                              h,
                              c,
                              kOptions && a.zoneout_h ? &v->zoneout_h : nullptr,
                              kOptions && a.zoneout_c ? &v->zoneout_c : nullptr,
                              v->saved};
  with_activations<kAny, kOptions, Cell>(a, *v, [&](const CellContext<float>& context, auto usual) {
    Cell::template forward<float, usual.value, true>(context, Units<float, true>{0, 1}, sums, 1,
                                                     row);
  });
}

template <bool kAny, bool kOptions, class Cell, class S>
FASTRNN_INLINE void cell_backward(const Steps<S>& a, const float* c_prev, float* dc, UnitValues* v,
                                  float* dsums) {
  const BackwardRow<float> row{&v->h_prev,
                               c_prev,
                               nullptr,
                               &v->dh,
                               dc,
                               kOptions && a.zoneout_h ? &v->zoneout_h : nullptr,
                               kOptions && a.zoneout_c ? &v->zoneout_c : nullptr,
                               v->saved};
  with_activations<kAny, kOptions, Cell>(a, *v, [&](const CellContext<float>& context, auto usual) {
    Cell::template backward<float, usual.value, true>(context, Units<float, true>{0, 1}, row, dsums,
                                                      1);
  });
}

// fn(Cell(), whether there are options), for the cells of one stage.
template <class S, class Fn>
FASTRNN_INLINE void with_cell(const Steps<S>& a, const Fn& fn) {
  const auto with_options = [&](auto cell) {
    if (has_options(a)) {
      fn(cell, std::true_type());
    } else {
      fn(cell, std::false_type());
    }
  };
  switch (a.cell) {
    case CellKind::kLstm:
      return with_options(LstmCell());
    case CellKind::kGru:
      return with_options(GruCell());
    default:
      return with_options(RnnCell());
  }
}

template <class S>
FASTRNN_INLINE void store_saved(const Steps<S>& a, int n, int t, int unit, const float* saved,
                                int first, int count) {
  S* to = a.saved + a.kept(n, t) * a.columns.saved_units + unit;
  FASTRNN_UNROLL
  for (int k = 0; k < kMaxColumns; ++k) {
    if (k >= first && k < first + count) {
      to[static_cast<std::int64_t>(k) * a.hidden] = from_float<S>(saved[k]);
    }
  }
}

template <class S>
FASTRNN_INLINE void load_saved(const Steps<S>& a, int n, int t, int unit, S* saved) {
  const S* from = a.saved + a.kept(n, t) * a.columns.saved_units + unit;
  FASTRNN_UNROLL
  for (int k = 0; k < kMaxColumns; ++k) {
    if (k < a.columns.saved_units) {
      saved[k] = from[static_cast<std::int64_t>(k) * a.hidden];
    }
  }
}

// ---- Forward -------------------------------------------------------------------------------
struct ForwardInputs {
  bool valid;
  float h, c;
  float sums[kMaxColumns];  // x's part
  float bias[kMaxColumns];
};

template <class S>
FASTRNN_INLINE ForwardInputs load_forward(const Steps<S>& a, int step, int n, int unit) {
  ForwardInputs in{};
  const int t = a.time(step);
  in.valid = a.valid(n, t);
  in.h = *a.state_of(0, n, unit);
  if (a.columns.memory) in.c = *a.state_of(1, n, unit);
  if (!in.valid) return in;
  const float* projected =
      a.projected + a.chunk_row(n, t) * a.columns.input_gates * a.padded + unit;
  FASTRNN_UNROLL
  for (int g = 0; g < kMaxColumns; ++g) {
    if (g >= a.columns.count) break;
    in.bias[g] = a.bias[g * a.padded + unit];
    const int k = g - a.columns.input_first;
    if (k >= 0 && k < a.columns.input_gates) in.sums[g] = projected[k * a.padded];
  }
  return in;
}

// A masked step: y repeats the last output, zeros before the first.
template <class S>
FASTRNN_INLINE void repeat_output(const Steps<S>& a, int step, int n, int unit) {
  const S last = step > 0 ? a.y[a.at(n, a.time(step - 1)) * a.hidden + unit] : from_float<S>(0.0f);
  a.y[a.at(n, a.time(step)) * a.hidden + unit] = last;
}

// The state goes to the next step, unless that one starts anew. Returns h as it goes there.
template <class S>
FASTRNN_INLINE float hand_on(const Steps<S>& a, int step, int n, int unit, float h, float c) {
  const std::int64_t row = static_cast<std::int64_t>(n) * a.hidden + unit;
  if (step + 1 < a.steps && a.starts_anew(n, a.time(step + 1))) {
    h = a.h0[row];
    if (a.columns.memory) c = a.c0[row];
  }
  *a.state_of(0, n, unit) = h;
  if (a.columns.memory) *a.state_of(1, n, unit) = c;
  return h;
}

// product: h's part of the columns from state_first on. Returns the next step's h.
template <bool kAny, class S>
FASTRNN_INLINE float apply_forward(const Steps<S>& a, int step, int n, int unit, ForwardInputs in,
                                   const float* product) {
  if (!in.valid) {
    repeat_output(a, step, n, unit);
    return hand_on(a, step, n, unit, in.h, in.c);
  }
  const int t = a.time(step);
  float h = 0.0f, c = 0.0f, saved[kMaxColumns];
  with_cell(a, [&](auto cell, auto options) {
    using Cell = decltype(cell);
    FASTRNN_UNROLL
    for (int g = 0; g < Cell::kGates; ++g) in.sums[g] += in.bias[g];
    FASTRNN_UNROLL
    for (int g = 0; g < Cell::kStateGates; ++g) in.sums[Cell::kStateFirst + g] += product[g];
    UnitValues v;
    v.h_prev = in.h;
    v.c_prev = in.c;
    if (options.value) load_options(a, n, t, unit, &v);
    cell_forward<kAny, options.value, Cell>(a, in.sums, &v.c_prev, &v.h, &v.c, &v);
    h = v.h;
    if (Cell::kHasMemory) c = v.c;
    FASTRNN_UNROLL
    for (int k = 0; k < Cell::kSaved; ++k) saved[k] = v.saved[k];
  });
  if (a.saved) store_saved(a, n, t, unit, saved, 0, a.columns.saved_units);
  if (a.c_all) a.c_all[a.kept(n, t) + unit] = c;
  a.y[a.at(n, t) * a.hidden + unit] = from_float<S>(h);
  return hand_on(a, step, n, unit, h, c);
}

// ---- Backward ------------------------------------------------------------------------------
template <class S>
struct BackwardInputs {
  bool valid;
  bool anew;     // the step that was done before this one, later in time, started anew
  float dh, dc;  // without the product
  float owed;
  int from;  // the step whose output this one started from
  S dy, h_prev;
  float c_prev;
  S saved[kMaxColumns] = {};  // the simple network, which saves nothing: its output
};

template <class S>
FASTRNN_INLINE BackwardInputs<S> load_backward(const Steps<S>& a, int step, int n, int unit) {
  BackwardInputs<S> in{};
  in.dh = *a.state_of(0, n, unit);
  if (a.columns.memory) in.dc = *a.state_of(1, n, unit);
  in.anew = a.at_end(step) || (step > 0 && a.starts_anew(n, a.time(step - 1)));
  if (a.at_end(step)) return in;
  const int t = a.time(step);
  in.valid = a.valid(n, t);
  const std::int64_t row = a.at(n, t) * a.hidden + unit;
  if (a.mask) in.owed = *a.state_of(2, n, unit);
  if (a.dy) in.dy = a.dy[row];
  if (!in.valid) return in;
  if (a.saved) {
    load_saved(a, n, t, unit, in.saved);
  } else {
    in.saved[0] = a.y[row];
  }
  in.from = a.before(n, t);
  if (a.columns.memory) {
    in.c_prev = a.c_after(n, in.from, unit);
  } else if (in.from >= 0) {
    in.h_prev = a.y[a.at(n, in.from) * a.hidden + unit];
  }
  return in;
}

template <class S>
FASTRNN_INLINE UnitValues values_of(const Steps<S>& a, int step, int n, int unit,
                                    const BackwardInputs<S>& in, bool options) {
  UnitValues v;
  v.h_prev =
      in.from < 0 ? a.h0[static_cast<std::int64_t>(n) * a.hidden + unit] : to_float(in.h_prev);
  v.c_prev = in.c_prev;
  v.dh = in.dh;
  v.dc = in.dc;
  FASTRNN_UNROLL
  for (int k = 0; k < kMaxColumns; ++k) v.saved[k] = to_float(in.saved[k]);
  if (options) load_options(a, n, a.time(step), unit, &v);
  return v;
}

// What came down to the state after step `step` belongs to the initial one where the step after it
// started anew, and where there is none before.
template <class S>
FASTRNN_INLINE void settle(const Steps<S>& a, int n, int unit, BackwardInputs<S>* in) {
  if (!in->anew) return;
  const std::int64_t row = static_cast<std::int64_t>(n) * a.hidden + unit;
  a.dh0[row] += in->dh;
  in->dh = 0.0f;
  if (!a.columns.memory) return;
  a.dc0[row] += in->dc;
  in->dc = 0.0f;
}

// A masked step owes its dy to the output that it repeats; a valid one is paid what is owed.
template <class S>
FASTRNN_INLINE void receive(const Steps<S>& a, int n, int unit, BackwardInputs<S>* in) {
  if (in->valid) in->dh += to_float(in->dy) + in->owed;
  if (a.mask) *a.state_of(2, n, unit) = in->valid ? 0.0f : in->owed + to_float(in->dy);
}

template <class S>
FASTRNN_INLINE void store_dsums(const Steps<S>& a, int step, int n, int unit, const float* dsums,
                                int first, int count) {
  S* to = a.dsums + a.chunk_row(n, a.time(step)) * a.columns.count * a.padded + unit;
  FASTRNN_UNROLL
  for (int g = 0; g < kMaxColumns; ++g) {
    if (g >= first && g < first + count) to[g * a.padded] = from_float<S>(dsums[g]);
  }
}

// product: the gradient that came through the step after this one's product with h. dsums out:
// all columns' gradients, zero at the end.
template <bool kAny, class S>
FASTRNN_INLINE void apply_backward(const Steps<S>& a, int step, int n, int unit,
                                   BackwardInputs<S> in, float product, float* dsums) {
  FASTRNN_UNROLL
  for (int g = 0; g < kMaxColumns; ++g) dsums[g] = 0.0f;
  in.dh += product;
  settle(a, n, unit, &in);
  if (a.at_end(step)) return;
  receive(a, n, unit, &in);
  if (in.valid) {
    with_cell(a, [&](auto cell, auto options) {
      UnitValues v = values_of(a, step, n, unit, in, options.value);
      cell_backward<kAny, options.value, decltype(cell)>(a, &v.c_prev, &v.dc, &v, dsums);
      in.dh = v.dh;
      in.dc = v.dc;
    });
  }
  store_dsums(a, step, n, unit, dsums, 0, a.columns.count);
  *a.state_of(0, n, unit) = in.dh;
  if (a.columns.memory) *a.state_of(1, n, unit) = in.dc;
}

}  // namespace fastrnn::cuda
