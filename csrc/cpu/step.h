// One step's work: for some rows and some panels of units, the sums in tiles and the cell on them.
// The sequence's time loop calls it step by step; recomputation calls it for many steps at once.
#pragma once

#include "cells/gru.h"
#include "cells/lstm.h"
#include "cells/rnn.h"
#include "cpu/panels.h"
#include "fastrnn.h"

FASTRNN_ISA_BEGIN
namespace {

// Where a cell's panels and packed weights lie.
template <class T, class Cell>
class Geometry {
 public:
  explicit Geometry(const RecurrentConfig& config)
      : input(config.input), hidden(config.hidden),
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
            static_cast<size_t>(hidden) * state_vecs(p)) * kLanes<T>;
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
  const T** x;             // null where `sums` is given
  const T** h;
  const T** sums;          // input's part, already summed (rows of panels), or null
  ForwardRow<T>* cell;
  T** saved;               // or null
  const T** x_mask;        // at the row's first gate, or null
  const T** h_mask;
};

template <class T, class Cell>
class Step {
 public:
  Step(const PackedRecurrent<T>& packed, const RecurrentSequence<T>& seq)
      : geo(packed.config), packed_(packed),
        context_{packed.config.activation, packed.config.gate_activation, packed.peephole,
                 packed.config.hidden},
        usual_(packed.config.activation == Activation::kTanh &&
               (Cell::kBlocks == 1 || packed.config.gate_activation == Activation::kSigmoid)),
        split_(seq.batch == 1), x_mask_gate_(seq.x_mask_gate), h_mask_gate_(seq.h_mask_gate) {}

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
      __builtin_memcpy(tile + m * kPanelLanes<T>, packed_.bias + p * kPanelLanes<T>,
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
          apply<kUsual>(panel, tile + m * kPanelLanes<T>, rows.cell[i + m],
                        rows.saved ? rows.saved[i + m] + panel.unit0 * Cell::kSaved : nullptr);
        }
        i += height;
      }
    }
  }

  template <bool kUsual>
  FASTRNN_INLINE void apply(const Panel& p, const T* sums, const ForwardRow<T>& row,
                            T* saved) const {
    for (int j = 0; j < p.units; j += kLanes<T>) {
      T* kept = saved ? saved + j : nullptr;
      if (p.units - j >= kLanes<T>) {
        const Units<T, true> units{p.unit0 + j, kLanes<T>};
        Cell::template forward<T, kUsual, true>(context_, units, sums + j, p.stride, row, kept,
                                                p.units);
      } else {
        const Units<T, false> units{p.unit0 + j, p.units - j};
        Cell::template forward<T, kUsual, false>(context_, units, sums + j, p.stride, row, kept,
                                                 p.units);
      }
    }
  }

  // Adds x W (if `input`) and h R (if `state`) of rows [i, i + height) to the tile.
  void sum(int p, const Panel& panel, const StepRows<T>& rows, int i, int height, bool input,
           bool state, T* tile, T* scratch) const {
    const bool aligned = geo.aligned(panel);
    const bool per_vector = (input && rows.x_mask && x_mask_gate_) ||
                            (state && rows.h_mask && h_mask_gate_);
    const T* masked[2][kPanelVecs * kMaxRows];
    Segment<T> x{}, h{};
    const T* weights = packed_.panels + geo.panel_offset(p);
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
    constexpr int kFirst = Cell::kStateFirst;
    if (kFirst > 0 && aligned) {
      constexpr int kVecs = Cell::kStateGates;  // a gate is one vector in such a cell
      const TileFn<T> fn =
          per_vector ? tile_for_rows<T, kVecs, kFirst, RowForm::kPerVector>(height)
          : split_   ? tile_split<T, kVecs, kFirst>
                     : tile_for_rows<T, kVecs, kFirst, RowForm::kShared>(height);
      fn(&x, input, &h, state, tile);
      return;
    }
    const TileFn<T> fn = per_vector ? tile_fn<T, RowForm::kPerVector>(height, panel.vecs)
                         : split_   ? tile_fn_split<T>(panel.vecs)
                                    : tile_fn<T, RowForm::kShared>(height, panel.vecs);
    const Segment<T> both[2] = {input ? x : h, h};
    fn(both, input + state, nullptr, 0, tile);
  }

  // Row pointers to rows times their masks, for a tile whose kernel reads kShared or kPerVector.
  static const T* const* mask_rows(const T* const* rows, const T* const* masks, int height,
                                   int depth, ptrdiff_t gate_stride, const int* block,
                                   bool per_vector, const T** out, T* scratch) {
    const int sets = per_vector ? Cell::kGates : 1;
    for (int v = 0; v < sets; ++v) {
      const int gate = per_vector && block[v] >= 0 ? block[v] : 0;
      for (int m = 0; m < height; ++m) {
        if (!masks) {
          out[v * kMaxRows + m] = rows[m];
          continue;
        }
        if (v > 0 && gate_stride == 0) {
          out[v * kMaxRows + m] = out[m];
          continue;
        }
        const T* mask = masks[m] + gate * gate_stride;
        for (int k = 0; k < depth; ++k) scratch[k] = rows[m][k] * mask[k];
        out[v * kMaxRows + m] = scratch;
        scratch += depth;
      }
    }
    return out;
  }

  const PackedRecurrent<T>& packed_;
  CellContext<T> context_;
  bool usual_;
  bool split_;
  ptrdiff_t x_mask_gate_;
  ptrdiff_t h_mask_gate_;
};

}  // namespace
FASTRNN_ISA_END
