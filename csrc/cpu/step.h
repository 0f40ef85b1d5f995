// One step's work: for some rows and some panels of units, the sums in tiles and the cell on them.
// The sequence's time loop calls it step by step; recomputation calls it for many steps at once.
#pragma once

#include "cells/gru.h"
#include "cells/gru_reset_before.h"
#include "cells/lstm.h"
#include "cells/rnn.h"
#include "cpu/panels.h"
#include "fastrnn.h"

FASTRNN_ISA_BEGIN
namespace {

// A cell's second stage, or the cell itself where it has none (never run then).
template <class Second, class Cell>
struct SecondOr {
  using type = Second;
};
template <class Cell>
struct SecondOr<void, Cell> {
  using type = Cell;
};
template <class C>
constexpr bool is_void = false;
template <>
constexpr bool is_void<void> = true;

// Where a cell's panels and packed weights lie.
template <class T, class Cell>
class Geometry {
 public:
  explicit Geometry(const RecurrentConfig& config)
      : input(config.input),
        hidden(config.hidden),
        panels(config.hidden, Cell::kGates, !config.mask_per_gate) {}

  int input;
  int hidden;
  PanelSet<T> panels;

  // In a panel whose gates are whole vectors each product only touches its own gates' vectors.
  bool aligned(const Panel& p) const { return p.stride == panels.width(); }
  int gate_vecs(int gates) const { return gates * panels.width() / kLanes<T>; }
  int input_vecs(const Panel& p) const {
    return aligned(p) ? gate_vecs(Cell::kInputGates) : p.vecs;
  }
  int state_vecs(const Panel& p) const {
    return aligned(p) ? gate_vecs(Cell::kStateGates) : p.vecs;
  }
  // Elements of one packed panel, and where it begins.
  size_t panel_size(const Panel& p) const {
    return (static_cast<size_t>(input) * input_vecs(p) +
            static_cast<size_t>(hidden) * state_vecs(p)) *
           kLanes<T>;
  }
  size_t panel_offset(int p) const { return p == 0 ? 0 : p * panel_size(panels[0]); }
  size_t packed_size() const {
    const int last = panels.count() - 1;
    return panel_offset(last) + panel_size(panels[last]);
  }
};

// Rows at work in a step, each array `count` long.
template <class T>
struct StepRows {
  int count;
  const T** x;  // null where `sums` is given
  const T** h;
  const T** sums;  // input's part, already summed (rows of panels), or null
  ForwardRow<T>* cell;
  const T** x_mask;  // at the row's first gate, or null
  const T** h_mask;
};

// tanh and sigmoid throughout: the kernels without a branch on the activation.
template <class Cell>
bool is_usual(const RecurrentConfig& config) {
  return config.activation == Activation::kTanh &&
         (Cell::kBlocks == 1 || config.gate_activation == Activation::kSigmoid);
}

template <class T, class Cell>
class Step {
 public:
  // panels, bias: of this cell's stage.
  Step(const PackedRecurrent<T>& packed, const T* panels, const T* bias,
       const RecurrentSequence<T>& seq)
      : geo(packed.config),
        panels_(panels),
        bias_(bias),
        context_{packed.config.activation, packed.config.gate_activation, packed.peephole,
                 packed.config.hidden},
        usual_(is_usual<Cell>(packed.config)),
        split_(seq.batch == 1),
        x_mask_gate_(seq.x_mask_gate),
        h_mask_gate_(seq.h_mask_gate) {}

  Geometry<T, Cell> geo;

  // Elements of scratch a thread needs where masks are given.
  size_t mask_scratch() const {
    return static_cast<size_t>(kPanelVecs) * kMaxRows * (geo.input + geo.hidden) + 2 * kVecBytes;
  }

  // The whole step for panels [p0, p1).
  void run(int p0, int p1, const StepRows<T>& rows, T* scratch) const {
    if (usual_) {
      run_tiles<true>(p0, p1, rows, scratch);
    } else {
      run_tiles<false>(p0, p1, rows, scratch);
    }
  }

  // Only the input's part with the bias: out (rows.count, row_lanes), panel after panel.
  void project(int p0, int p1, const StepRows<T>& rows, T* out, size_t row_lanes,
               T* scratch) const {
    alignas(64) T tile[kTileSize];
    for (int p = p0; p < p1; ++p) {
      const Panel panel = geo.panels[p];
      for (int i = 0; i < rows.count;) {
        const int height = tile_rows(rows.count - i);
        start_from_bias(p, height, tile);
        sum(p, panel, rows, i, height, true, false, tile, scratch);
        for (int m = 0; m < height; ++m) {
          __builtin_memcpy(out + (i + m) * row_lanes + p * kPanelLanes<T>,
                           tile + m * kPanelLanes<T>, sizeof(T) * kPanelLanes<T>);
        }
        i += height;
      }
    }
  }

 private:
  // A vector more: the last gate of a compact panel is read in whole vectors.
  static constexpr int kTileSize = (kMaxRows + 1) * kPanelLanes<T>;

  void start_from_bias(int p, int height, T* tile) const {
    for (int m = 0; m < height; ++m) {
      __builtin_memcpy(tile + m * kPanelLanes<T>, bias_ + p * kPanelLanes<T>,
                       sizeof(T) * kPanelLanes<T>);
    }
  }

  template <bool kUsual>
  void run_tiles(int p0, int p1, const StepRows<T>& rows, T* scratch) const {
    alignas(64) T tile[kTileSize];
    for (int p = p0; p < p1; ++p) {
      const Panel panel = geo.panels[p];
      for (int i = 0; i < rows.count;) {
        const int height = tile_rows(rows.count - i);
        if (rows.sums) {
          for (int m = 0; m < height; ++m) {
            __builtin_memcpy(tile + m * kPanelLanes<T>, rows.sums[i + m] + p * kPanelLanes<T>,
                             sizeof(T) * kPanelLanes<T>);
          }
        } else {
          start_from_bias(p, height, tile);
        }
        sum(p, panel, rows, i, height, !rows.sums, true, tile, scratch);
        for (int m = 0; m < height; ++m) {
          apply<kUsual>(panel, tile + m * kPanelLanes<T>, rows.cell[i + m]);
        }
        i += height;
      }
    }
  }

  template <bool kUsual>
  FASTRNN_INLINE void apply(const Panel& p, const T* sums, const ForwardRow<T>& row) const {
    for (int j = 0; j < p.units; j += kLanes<T>) {
      if (p.units - j >= kLanes<T>) {
        const Units<T, true> units{p.unit0 + j, kLanes<T>};
        Cell::template forward<T, kUsual, true>(context_, units, sums + j, p.stride, row);
      } else {
        const Units<T, false> units{p.unit0 + j, p.units - j};
        Cell::template forward<T, kUsual, false>(context_, units, sums + j, p.stride, row);
      }
    }
  }

  // Adds x W (if `input`) and h R (if `state`) of rows [i, i + height) to the tile.
  void sum(int p, const Panel& panel, const StepRows<T>& rows, int i, int height, bool input,
           bool state, T* tile, T* scratch) const {
    const bool aligned = geo.aligned(panel);
    const bool split = split_ && state && height == 1;
    const bool per_vector = Cell::kGates > 1 && ((input && rows.x_mask && x_mask_gate_) ||
                                                 (state && rows.h_mask && h_mask_gate_));
    const T* masked[2][kPanelVecs * kMaxRows];
    Segment<T> x{}, h{};
    const T* weights = panels_ + geo.panel_offset(p);
    if (input) {
      const int width = geo.input_vecs(panel) * kLanes<T>;
      x = {rows.x + i, 0, geo.input, weights, width};
      if (per_vector || rows.x_mask) {
        x.rows = mask_rows(rows.x + i, rows.x_mask ? rows.x_mask + i : nullptr, height, geo.input,
                           x_mask_gate_, Cell::kInputBlock, per_vector, masked[0], scratch);
      }
    }
    weights += static_cast<size_t>(geo.input) * geo.input_vecs(panel) * kLanes<T>;
    if (state) {
      const int width = geo.state_vecs(panel) * kLanes<T>;
      h = {rows.h + i, 0, geo.hidden, weights, width};
      if (per_vector || rows.h_mask) {
        h.rows = mask_rows(rows.h + i, rows.h_mask ? rows.h_mask + i : nullptr, height, geo.hidden,
                           h_mask_gate_, Cell::kStateBlock, per_vector, masked[1],
                           scratch + kPanelVecs * kMaxRows * static_cast<size_t>(geo.input));
      }
    }
    const RowForm form = per_vector ? RowForm::kPerVector : RowForm::kShared;
    if (Cell::kStateFirst > 0 && aligned) {
      const TileFn<T> fn =
          split && !per_vector ? tile_fn_split_shifted<T>() : tile_fn_shifted<T>(form, height);
      fn(&x, input, &h, state, tile);
      return;
    }
    const TileFn<T> fn =
        split && !per_vector ? tile_fn_split<T>(panel.vecs) : tile_fn<T>(form, height, panel.vecs);
    const Segment<T> both[2] = {input ? x : h, h};
    fn(both, input + state, nullptr, 0, tile);
  }

  // Row pointers to rows times their masks, for a tile whose kernel reads kShared or kPerVector.
  static const T* const* mask_rows(const T* const* rows, const T* const* masks, int height,
                                   int depth, ptrdiff_t gate_stride, const int* block,
                                   bool per_vector, const T** out, T* scratch) {
    const int sets = per_vector ? kPanelVecs : 1;
    for (int v = 0; v < sets; ++v) {
      const int gate = v * Cell::kGates / kPanelVecs;
      for (int m = 0; m < height; ++m) {
        const T*& row = out[v * kMaxRows + m];
        if (!masks) {
          row = rows[m];
        } else if (v > 0 && (gate_stride == 0 || gate == (v - 1) * Cell::kGates / kPanelVecs)) {
          row = out[(v - 1) * kMaxRows + m];
        } else {
          const T* mask = masks[m] + (block[gate] < 0 ? 0 : block[gate]) * gate_stride;
          for (int k = 0; k < depth; ++k) scratch[k] = rows[m][k] * mask[k];
          row = scratch;
          scratch += depth;
        }
      }
    }
    return out;
  }

  const T* panels_;
  const T* bias_;
  CellContext<T> context_;
  bool usual_;
  bool split_;
  ptrdiff_t x_mask_gate_;
  ptrdiff_t h_mask_gate_;
};

}  // namespace
FASTRNN_ISA_END
