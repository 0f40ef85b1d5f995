// Dense layers: y = act(x W + b) and its gradients, on the tiles of gemm.h.
#include "cells/activations.h"
#include "cpu/outer.h"
#include "cpu/panels.h"
#include "cpu/tables.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr int kRowBlock = 16 * kMaxRows;  // rows of A that stay in the second-level cache
constexpr int kDepthBlock = 384;          // of K, so that a panel of B stays in it too

// Tracks that a product of so many blocks of rows and panels is cut into.
constexpr int kTracks = 64;

// C (+)= A B for packed panels of B [panel][depth][vecs * lanes]; `finish(row, unit0, units, tile
// row, first, last)` takes each tile's rows, block of K after block. The team shares the tiles.
template <class T, class Finish>
void multiply(int rows, int depth, const PanelSet<T>& panels, const T* const* row_pointers,
              const T* packed, Track* tracks, const Team& team, const Finish& finish) {
  const int row_blocks = (rows + kRowBlock - 1) / kRowBlock;
  const int count = panels.count();
  // Short matrices are shared by panels, tall ones by rows: each keeps its own operand in cache.
  const bool by_rows = row_blocks >= 2 * team.size();
  const int items = by_rows ? row_blocks : count;
  const int used = team.size() == 1 ? 1 : items < kTracks ? items : kTracks;
  const int depth_blocks = (depth + kDepthBlock - 1) / kDepthBlock;
  const auto tiles = [&](int block, const Panel& out, int k) {
    alignas(64) T tile[kMaxRows * kPanelLanes<T>];
    const int run = depth - k < kDepthBlock ? depth - k : kDepthBlock;
    const int width = out.vecs * kLanes<T>;
    const T* b = packed + static_cast<size_t>(out.unit0) * depth + static_cast<size_t>(k) * width;
    const int last = (block + 1) * kRowBlock < rows ? (block + 1) * kRowBlock : rows;
    for (int r = block * kRowBlock; r < last;) {
      const int height = tile_rows(last - r);
      for (int m = 0; m < height; ++m) finish.start(r + m, out, tile + m * kPanelLanes<T>, k == 0);
      for (int m = 0; m < height; ++m) finish.fetch(r + m, out);
      const Segment<T> segment{row_pointers + r, k, run, b, width};
      tile_fn<T>(RowForm::kShared, height, out.vecs)(&segment, 1, nullptr, 0, tile);
      for (int m = 0; m < height; ++m) {
        finish.end(r + m, out, tile + m * kPanelLanes<T>, k + run == depth);
      }
      r += height;
    }
  };
  team.advance(tracks, used, depth_blocks, [&](int track, int segment) {
    const int k = segment * kDepthBlock;
    const int first = static_cast<int>(static_cast<long>(items) * track / used);
    const int last = static_cast<int>(static_cast<long>(items) * (track + 1) / used);
    if (by_rows) {
      for (int block = first; block < last; ++block) {
        for (int p = 0; p < count; ++p) tiles(block, panels[p], k);
      }
    } else {
      for (int p = first; p < last; ++p) {
        for (int block = 0; block < row_blocks; ++block) tiles(block, panels[p], k);
      }
    }
  });
}

// Tiles of a row-major C, from a row of start values (or zeros), with an activation at the end.
template <class T>
struct RowMajor {
  T* c;
  ptrdiff_t stride;
  const T* start_row;
  Activation activation;

  void start(int row, const Panel& p, T* tile, bool first) const {
    const T* from = first ? start_row : c + row * stride;
    for (int j = 0; j < p.units; j += kLanes<T>) {
      const int n = p.units - j < kLanes<T> ? p.units - j : kLanes<T>;
      store(tile + j, from ? load_n(from + p.unit0 + j, n) : Vec<T>{});
    }
  }
  // Asks for the lines that end() will write.
  void fetch(int row, const Panel& p) const {
    constexpr int kLine = 64 / static_cast<int>(sizeof(T));
    for (int j = 0; j < p.units; j += kLine) __builtin_prefetch(c + row * stride + p.unit0 + j, 1);
  }
  void end(int row, const Panel& p, const T* tile, bool last) const {
    for (int j = 0; j < p.units; j += kLanes<T>) {
      const int n = p.units - j < kLanes<T> ? p.units - j : kLanes<T>;
      Vec<T> v = load(tile + j);
      if (last && activation != Activation::kLinear) v = activate<T>(activation, v);
      store_n(c + row * stride + p.unit0 + j, v, n);
    }
  }
};

template <class T>
void forward(const DenseForward<T>& a) {
  const PanelSet<T> panels(a.output, 1);
  const auto lay_out = [&](Layout layout, T** packed, const T*** rows) {
    *packed = layout.template take<T>(packed_elements(panels, a.input));
    *rows = layout.template take<const T*>(a.rows);
    return layout.size();
  };
  T* packed;
  const T** rows;
  const Buffer memory(lay_out(Layout(), &packed, &rows));
  lay_out(Layout(memory.bytes()), &packed, &rows);
  Track tracks[kTracks] = {};
  const RowMajor<T> out{a.y, a.output, a.bias, a.activation};
  auto body = [&](const Team& team) {
    int begin, end;
    team.share(panels.count(), 1, &begin, &end);
    const int zero = 0;
    for (int p = begin; p < end; ++p) {
      const Panel panel = panels[p];
      pack_panel(a.kernel, a.output, a.input, panel, 1, &zero, 0, panel.vecs,
                 packed + static_cast<size_t>(panel.unit0) * a.input);
    }
    team.share(a.rows, 1, &begin, &end);
    for (int r = begin; r < end; ++r) rows[r] = a.x + static_cast<size_t>(r) * a.input;
    team.barrier();
    multiply(a.rows, a.input, panels, rows, packed, tracks, team, out);
  };
  run_team(team_for(2.0 * a.rows * a.input * a.output), body);
}

// dW and db: rows in chunks, each packed by column for A and in panels for B.
template <class T>
void weight_gradient(const DenseBackward<T>& a, const PanelSet<T>& panels, int chunk, T* columns,
                     T* packed, const T** x_rows, const Team& team) {
  int begin, end;
  const int zero = 0;
  for (int r0 = 0; r0 < a.rows; r0 += chunk) {
    const int count = a.rows - r0 < chunk ? a.rows - r0 : chunk;
    if (a.dkernel) {
      pack_columns(x_rows + r0, count, a.input, static_cast<const int*>(nullptr),
                   static_cast<const T*>(nullptr), 0, chunk, columns, team);
    }
    team.share(panels.count(), 1, &begin, &end);
    for (int p = begin; p < end; ++p) {
      const Panel panel = panels[p];
      T* b = packed + static_cast<size_t>(panel.unit0) * chunk;
      pack_panel(a.dz + static_cast<size_t>(r0) * a.output, a.output, count, panel, 1, &zero, 0,
                 panel.vecs, b);
      if (!a.dbias) continue;
      const int width = panel.vecs * kLanes<T>;
      for (int j = 0; j < panel.units; j += kLanes<T>) {
        const int n = panel.units - j < kLanes<T> ? panel.units - j : kLanes<T>;
        Vec<T> sum = r0 > 0 ? load_n(a.dbias + panel.unit0 + j, n) : Vec<T>{};
        for (int r = 0; r < count; ++r) sum += load(b + static_cast<size_t>(r) * width + j);
        store_n(a.dbias + panel.unit0 + j, sum, n);
      }
    }
    team.barrier();
    if (a.dkernel) {
      const RowMajor<T> out{a.dkernel, a.output, nullptr, Activation::kLinear};
      const int tiles = column_tiles(a.input);
      team.each(tiles * panels.count(), [&](int i) {
        alignas(64) T tile[kMaxRows * kPanelLanes<T>];
        const Panel panel = panels[i / tiles];
        const int feature = i % tiles * kMaxRows;
        const int height = a.input - feature < kMaxRows ? a.input - feature : kMaxRows;
        const T* column = columns + static_cast<size_t>(feature) * chunk;
        for (int m = 0; m < height; ++m) {
          out.start(feature + m, panel, tile + m * kPanelLanes<T>, r0 == 0);
        }
        const Segment<T> segment{&column, 0, count,
                                 packed + static_cast<size_t>(panel.unit0) * chunk,
                                 panel.vecs * kLanes<T>};
        tile_fn<T>(RowForm::kPacked, height, panel.vecs)(&segment, 1, nullptr, 0, tile);
        for (int m = 0; m < height; ++m) {
          out.end(feature + m, panel, tile + m * kPanelLanes<T>, false);
        }
      });
    }
    team.barrier();
  }
}

template <class T>
void backward(const DenseBackward<T>& a) {
  constexpr int kChunk = 512;
  const int chunk = a.rows < kChunk ? a.rows : kChunk;
  const PanelSet<T> outputs(a.output, 1);
  const PanelSet<T> inputs(a.input, 1);
  T *transposed, *columns, *packed;
  const T **x_rows, **dz_rows;
  const auto lay_out = [&](Layout layout) {
    transposed = layout.template take<T>(a.dx ? packed_elements(inputs, a.output) : 0);
    columns = layout.template take<T>(static_cast<size_t>(a.input) * chunk);
    packed = layout.template take<T>(packed_elements(outputs, chunk));
    x_rows = layout.template take<const T*>(a.rows);
    dz_rows = layout.template take<const T*>(a.rows);
    return layout.size();
  };
  const Buffer memory(lay_out(Layout()));
  lay_out(Layout(memory.bytes()));
  Track tracks[kTracks] = {};
  const RowMajor<T> dx{a.dx, a.input, nullptr, Activation::kLinear};
  auto body = [&](const Team& team) {
    int begin, end;
    team.share(a.rows, 1, &begin, &end);
    for (int r = begin; r < end; ++r) {
      x_rows[r] = a.x + static_cast<size_t>(r) * a.input;
      dz_rows[r] = a.dz + static_cast<size_t>(r) * a.output;
    }
    if (a.dx) {
      team.share(inputs.count(), 1, &begin, &end);
      for (int p = begin; p < end; ++p) {
        pack_transposed(a.kernel, a.output, 0, a.output, inputs[p],
                        transposed + static_cast<size_t>(inputs[p].unit0) * a.output);
      }
    }
    team.barrier();
    if (a.dkernel || a.dbias) {
      weight_gradient(a, outputs, chunk, columns, packed, x_rows, team);
    }
    if (a.dx) multiply(a.rows, a.output, inputs, dz_rows, transposed, tracks, team, dx);
  };
  run_team(team_for(4.0 * a.rows * a.input * a.output), body);
}

constexpr DenseTable kTable = {{forward<float>, backward<float>},
                               {forward<double>, backward<double>}};

}  // namespace

const DenseTable* dense_table() { return &kTable; }

FASTRNN_ISA_END
