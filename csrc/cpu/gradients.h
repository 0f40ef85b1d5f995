// The products of back-propagation, for one stage of a cell: from the gradients of its sums, kept
// for a chunk of time ("dsums": [panel][row of the chunk][lanes]), to those of h, x and the
// weights.
#pragma once

#include "cpu/outer.h"
#include "cpu/sequence.h"

FASTRNN_ISA_BEGIN
namespace {

// For each row of a chunk, where the factors of its outer products lie; null where masked.
template <class T>
struct ChunkRows {
  const T** x;
  const T** h;       // what the recurrent product read
  const T** c_prev;  // lstm's peepholes
  const T** saved;
  int* batch;  // the sequence that the row belongs to
};

template <class T, class Cell>
class Gradients {
 public:
  Gradients(const RecurrentConfig& config, const RecurrentBackward<T>& args, int chunk_rows)
      : geo(config),
        hidden_panels(config.hidden, 1, true, narrow(config.hidden)),
        input_panels_(config.input, 1),
        args_(args),
        seq_(args.seq),
        chunk_rows_(chunk_rows) {}

  Geometry<T, Cell> geo;
  PanelSet<T> hidden_panels;  // output columns of dsums R^T

  void lay_out(Layout& layout) {
    state_weights_ =
        layout.take<T>(depth(Cell::kStateGates) * hidden_panels.count() * hidden_panels.width());
    input_weights_ = layout.take<T>(
        args_.dx ? depth(Cell::kInputGates) * input_panels_.count() * input_panels_.width() : 0);
    dsums_ = layout.take<T>(static_cast<size_t>(geo.panels.count()) * chunk_rows_ * kPanelLanes<T>);
    x_columns_ = layout.take<T>(static_cast<size_t>(chunk_rows_) * geo.input);
    h_columns_ = layout.take<T>(static_cast<size_t>(chunk_rows_) * geo.hidden);
  }

  T* dsums_row(int p, int r) const {
    return dsums_ + (static_cast<size_t>(p) * chunk_rows_ + r) * kPanelLanes<T>;
  }

  // R^T and W^T, in the order of dsums' columns. The team shares the panels.
  void pack_weights(const Team& team) const {
    // Lanes between the gates of a panel that is not full are multiplied by zero weights.
    const int last = geo.panels.count() - 1;
    const Panel tail = geo.panels[last];
    if (team.rank() == 0 && tail.units < tail.stride) {
      for (int r = 0; r < chunk_rows_; ++r) clear(dsums_row(last, r), {0, kPanelLanes<T>});
    }
    const int hidden_count = hidden_panels.count();
    int begin, end;
    team.share(hidden_count + (args_.dx ? input_panels_.count() : 0), 1, &begin, &end);
    for (int i = begin; i < end; ++i) {
      const bool state = i < hidden_count;
      const int q = state ? i : i - hidden_count;
      const PanelSet<T>& panels = state ? hidden_panels : input_panels_;
      const Panel out = panels[q];
      const Run run = state ? kState : kInput;
      const T* matrix = state ? args_.weights.recurrent : args_.weights.kernel;
      const ptrdiff_t stride = static_cast<ptrdiff_t>(Cell::kBlocks) * geo.hidden;
      const int width = out.vecs * kLanes<T>;
      T* to = packed(q, state);
      for (int p = 0; p < geo.panels.count(); ++p) {
        const Panel from = geo.panels[p];
        for (int g = run.first; g < run.first + run.gates; ++g) {
          pack_transposed(matrix, stride, run.block[g] * geo.hidden + from.unit0, from.units, out,
                          to);
          const int pad = (from.stride - from.units) * width;
          for (int j = 0; j < pad; ++j) to[from.units * width + j] = T(0);
          to += from.stride * width;
        }
      }
    }
  }

  // to[i] += rows[i] of dsums times R^T, panel q of h; to + unit 0. batch[i]: the row's sequence.
  void add_state(int q, const T* const* rows, const int* batch, int count, T* const* to) const {
    const auto mask = [&](int i) {
      return seq_.h_mask ? seq_.h_mask + batch[i] * seq_.h_mask_batch : nullptr;
    };
    product(q, true, rows, count, to, seq_.h_mask_gate, mask, false);
  }

  // dx of the chunk's rows: dsums times W^T. dx_row(r): where row r goes. The team shares the work.
  template <class RowOf>
  void input_gradient(int rows, const int* batch, bool fresh, const RowOf& dx_row,
                      const Team& team) const {
    const int blocks = (rows + kBlock - 1) / kBlock;
    team.each(blocks * input_panels_.count(), [&](int i) {
      const int r0 = i % blocks * kBlock;
      const int count = rows - r0 < kBlock ? rows - r0 : kBlock;
      const T* from[kBlock];
      T* to[kBlock];
      for (int m = 0; m < count; ++m) {
        from[m] = dsums_row(0, r0 + m);
        to[m] = dx_row(r0 + m);
      }
      const auto mask = [&](int m) {
        return seq_.x_mask ? seq_.x_mask + batch[r0 + m] * seq_.x_mask_batch : nullptr;
      };
      product(i / blocks, false, from, count, to, seq_.x_mask_gate, mask, fresh);
    });
  }

  // dW += x^T dsums, dR += h^T dsums, db += the sum of dsums' rows; `first`: = in place of +=.
  void weight_gradients(const ChunkRows<T>& chunk, int rows, bool first, const Team& team) const {
    const bool x_gates = seq_.x_mask && seq_.x_mask_gate;
    const bool h_gates = seq_.h_mask && seq_.h_mask_gate;
    // Masks that differ from gate to gate: one product a gate. Else one for all.
    const int products = x_gates || h_gates ? Cell::kGates : 1;
    for (int g = 0; g < products; ++g) {
      const bool input = x_gates ? Cell::kInputBlock[g] >= 0 : g == 0;
      const bool state = h_gates ? Cell::kStateBlock[g] >= 0 : g == 0;
      if (g > 0) team.barrier();
      if (input) {
        const ptrdiff_t gate = x_gates ? Cell::kInputBlock[g] * seq_.x_mask_gate : 0;
        pack_columns(chunk.x, rows, geo.input, seq_.x_mask ? chunk.batch : nullptr,
                     seq_.x_mask ? seq_.x_mask + gate : nullptr, seq_.x_mask_batch, chunk_rows_,
                     x_columns_, team);
      }
      if (state) {
        const ptrdiff_t gate = h_gates ? Cell::kStateBlock[g] * seq_.h_mask_gate : 0;
        pack_columns(chunk.h, rows, geo.hidden, seq_.h_mask ? chunk.batch : nullptr,
                     seq_.h_mask ? seq_.h_mask + gate : nullptr, seq_.h_mask_batch, chunk_rows_,
                     h_columns_, team);
      }
      team.barrier();
      const int x_tiles = input ? column_tiles(geo.input) : 0;
      const int tiles = x_tiles + (state ? column_tiles(geo.hidden) : 0);
      team.each(tiles * geo.panels.count(), [&](int i) {
        const int tile = i % tiles;
        if (tile < x_tiles) {
          outer_tile(i / tiles, tile, rows, first, kInput, x_gates ? g : -1, geo.input, x_columns_,
                     args_.dkernel);
        } else {
          outer_tile(i / tiles, tile - x_tiles, rows, first, kState, h_gates ? g : -1, geo.hidden,
                     h_columns_, args_.drecurrent);
        }
      });
    }
    if (!args_.dbias) return;
    team.each(geo.panels.count(), [&](int p) { bias_gradient(p, rows, first); });
  }

 private:
  static constexpr int kBlock = 8 * kMaxRows;  // rows of dsums that stay in cache

  // The columns that one of the two products feeds.
  struct Run {
    int first;
    int gates;
    const int* block;
  };
  static constexpr Run kInput{Cell::kInputFirst, Cell::kInputGates, Cell::kInputBlock};
  static constexpr Run kState{Cell::kStateFirst, Cell::kStateGates, Cell::kStateBlock};

  // Narrower panels for few units, so that a team can share them.
  static int narrow(int hidden) { return hidden >= 8 * kLanes<T> ? kPanelVecs : 2; }

  // Columns of dsums that a product with `gates` gates reads, over all panels.
  size_t depth(int gates) const {
    const int last = geo.panels.count() - 1;
    return static_cast<size_t>(gates) * (last * geo.panels.width() + geo.panels[last].stride);
  }

  T* packed(int q, bool state) const {
    return state ? state_weights_ + q * depth(Cell::kStateGates) * hidden_panels.width()
                 : input_weights_ + q * depth(Cell::kInputGates) * input_panels_.width();
  }

  // Panel q of dsums times R^T or W^T. Masks that differ from gate to gate: gate after gate.
  template <class MaskOf>
  void product(int q, bool state, const T* const* rows, int count, T* const* to,
               ptrdiff_t mask_gate, const MaskOf& mask_of, bool fresh) const {
    alignas(64) T tile[kMaxRows * kPanelLanes<T>];
    const Panel out = state ? hidden_panels[q] : input_panels_[q];
    const Run run = state ? kState : kInput;
    const int groups = mask_gate && run.gates > 1 ? run.gates : 1;
    for (int i = 0; i < count;) {
      const int height = tile_rows(count - i);
      for (int group = 0; group < groups; ++group) {
        for (int j = 0; j < height * kPanelLanes<T>; j += kLanes<T>) store(tile + j, Vec<T>{});
        sum(q, state, rows + i, height, out, run, groups > 1 ? group : -1, tile);
        for (int m = 0; m < height; ++m) {
          const T* mask = mask_of(i + m);
          if (mask) mask += run.block[run.first + group] * mask_gate + out.unit0;
          put(to[i + m] + out.unit0, tile + m * kPanelLanes<T>, out.units, mask,
              fresh && group == 0);
        }
      }
      i += height;
    }
  }

  // tile += the rows' product over all panels of dsums: all gates of the run, or `only` one.
  void sum(int q, bool state, const T* const* rows, int height, const Panel& out, const Run& run,
           int only, T* tile) const {
    constexpr int kBatch = 32;
    Segment<T> segments[kBatch];
    const int width = out.vecs * kLanes<T>;
    const int gate = only < 0 ? 0 : only;
    const T* b = packed(q, state);
    const TileFn<T> fn = seq_.batch == 1 && state ? tile_fn_split<T>(out.vecs)
                                                  : tile_fn<T>(RowForm::kShared, height, out.vecs);
    int used = 0;
    for (int p = 0; p < geo.panels.count(); ++p) {
      const ptrdiff_t stride = geo.panels[p].stride;
      segments[used++] = {
          rows,
          static_cast<ptrdiff_t>(p) * chunk_rows_ * kPanelLanes<T> + (run.first + gate) * stride,
          static_cast<int>((only < 0 ? run.gates : 1) * stride), b + gate * stride * width, width};
      b += run.gates * stride * width;
      if (used == kBatch || p + 1 == geo.panels.count()) {
        fn(segments, used, nullptr, 0, tile);
        used = 0;
      }
    }
  }

  // to = or += from, times the mask where there is one.
  static void put(T* to, const T* from, int count, const T* mask, bool fresh) {
    for (int j = 0; j < count; j += kLanes<T>) {
      const int n = count - j < kLanes<T> ? count - j : kLanes<T>;
      Vec<T> v = load(from + j);
      if (mask) v *= load_n(mask + j, n);
      if (!fresh) v += load_n(to + j, n);
      store_n(to + j, v, n);
    }
  }

  // One tile of features by the columns of panel p; `only`: a single gate of it, or -1.
  void outer_tile(int p, int tile, int rows, bool first, const Run& run, int only, int features,
                  const T* columns, T* out) const {
    alignas(64) T sums[(kMaxRows + 1) * kPanelLanes<T>];
    const Panel panel = geo.panels[p];
    const int feature = tile * kMaxRows;
    const int height = features - feature < kMaxRows ? features - feature : kMaxRows;
    const T* a = columns + static_cast<size_t>(feature) * chunk_rows_;
    const bool aligned = geo.aligned(panel);
    int gate0 = aligned ? run.first : 0;
    int gates = aligned ? run.gates : Cell::kGates;
    if (only >= 0) {
      gate0 = only;
      gates = 1;
    }
    const int lane0 = aligned ? gate0 * panel.stride : 0;
    const int vecs = aligned ? gates * panel.stride / kLanes<T> : panel.vecs;
    const ptrdiff_t stride = static_cast<ptrdiff_t>(Cell::kBlocks) * geo.hidden;
    for (int m = 0; m < height; ++m) {
      for (int g = gate0; g < gate0 + gates; ++g) {
        prefetch(out + (feature + m) * stride + run.block[g] * geo.hidden + panel.unit0,
                 panel.units);
      }
    }
    for (int j = 0; j < height * kPanelLanes<T>; j += kLanes<T>) store(sums + j, Vec<T>{});
    const Segment<T> segment{&a, 0, rows, dsums_row(p, 0) + lane0, kPanelLanes<T>};
    tile_fn<T>(RowForm::kPacked, height, vecs)(&segment, 1, nullptr, 0, sums);
    for (int m = 0; m < height; ++m) {
      T* row = out + (feature + m) * stride + panel.unit0;
      for (int g = gate0; g < gate0 + gates; ++g) {
        if (run.block[g] < 0) continue;
        put(row + run.block[g] * geo.hidden, sums + m * kPanelLanes<T> + g * panel.stride - lane0,
            panel.units, nullptr, first);
      }
    }
  }

  void bias_gradient(int p, int rows, bool first) const {
    const Panel panel = geo.panels[p];
    alignas(64) T sums[2 * kPanelLanes<T>];
    Vec<T> total[kPanelVecs] = {};
    const T* row = dsums_row(p, 0);
    for (int r = 0; r < rows; ++r, row += kPanelLanes<T>) {
      for (int v = 0; v < kPanelVecs; ++v) total[v] += load(row + v * kLanes<T>);
    }
    for (int v = 0; v < kPanelVecs; ++v) store(sums + v * kLanes<T>, total[v]);
    const int hidden = geo.hidden;
    for (int g = 0; g < Cell::kGates; ++g) {
      const T* from = sums + g * panel.stride;
      T* to = args_.dbias + panel.unit0;
      if (Cell::kInputBlock[g] >= 0) {
        put(to + Cell::kInputBlock[g] * hidden, from, panel.units, nullptr, first);
      }
      if (Cell::kStateFirst > 0 && Cell::kStateBlock[g] >= 0) {
        put(to + (Cell::kBlocks + Cell::kStateBlock[g]) * hidden, from, panel.units, nullptr,
            first);
      }
    }
  }

  PanelSet<T> input_panels_;  // and of dsums W^T
  const RecurrentBackward<T>& args_;
  const RecurrentSequence<T>& seq_;
  int chunk_rows_;
  T* state_weights_ = nullptr;  // R^T: [panel of units][dsums' columns][lanes]
  T* input_weights_ = nullptr;  // W^T
  T* dsums_ = nullptr;
  T* x_columns_ = nullptr;  // x and h by column
  T* h_columns_ = nullptr;
};

}  // namespace
FASTRNN_ISA_END
