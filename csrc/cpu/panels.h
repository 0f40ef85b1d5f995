// How units and gates are laid out in panels of columns.
//
// A panel holds all gates of some units side by side, so that one tile computes everything that a
// cell's equations need for them: lane g * stride + j is gate g of unit unit0 + j. A full panel
// fills kPanelVecs vectors, each gate whole vectors. The last one may hold fewer units; its gates
// follow each other without gaps (compact), which for H = 50 saves a fifth of the arithmetic.
#pragma once

#include "cpu/gemm.h"

FASTRNN_ISA_BEGIN
namespace {

struct Panel {
  int unit0;   // first unit
  int units;   // how many
  int stride;  // lanes from one gate to the next
  int vecs;    // vectors used
};

template <class T>
class PanelSet {
 public:
  // `gates` columns a unit; `compact` as above; `vecs` vectors in a full panel.
  PanelSet(int units, int gates, bool compact = true, int vecs = kPanelVecs)
      : units_(units),
        gates_(gates),
        width_(vecs * kLanes<T> / gates),
        vecs_(vecs),
        compact_(compact) {}

  int count() const { return (units_ + width_ - 1) / width_; }
  int gates() const { return gates_; }
  int width() const { return width_; }

  Panel operator[](int p) const {
    const int unit0 = p * width_;
    const int units = units_ - unit0 < width_ ? units_ - unit0 : width_;
    if (units == width_ || !compact_) return {unit0, units, width_, vecs_};
    return {unit0, units, units, (gates_ * units + kLanes<T> - 1) / kLanes<T>};
  }

 private:
  int units_;
  int gates_;
  int width_;
  int vecs_;
  bool compact_;
};

// Elements of all panels of one gate, packed [panel][depth][vecs * lanes].
template <class T>
size_t packed_elements(const PanelSet<T>& panels, int depth) {
  const Panel last = panels[panels.count() - 1];
  return (static_cast<size_t>(last.unit0) + last.vecs * kLanes<T>)*depth;
}

// Packs rows of a matrix (depth, columns) into dst [depth][p.vecs * lanes]. Gate g of the panel is
// the block of `units` columns that starts at column[g], or zero where column[g] < 0; only the
// vectors [first, first + vecs) of the panel are kept.
template <class T>
void pack_panel(const T* matrix, ptrdiff_t row_stride, int depth, const Panel& p, int gates,
                const int* column, int first, int vecs, T* dst) {
  const int width = vecs * kLanes<T>;
  const int begin = first * kLanes<T>;
  const bool whole = p.units == p.stride && p.units % kLanes<T> == 0;  // every gate whole vectors
  for (int k = 0; k < depth; ++k, dst += width) {
    const T* row = matrix + k * row_stride;
    for (int lane = 0; !whole && lane < width; lane += kLanes<T>) store(dst + lane, Vec<T>{});
    for (int g = 0; g < gates; ++g) {
      const int lane = g * p.stride - begin;
      if (lane < 0 || lane >= width) continue;
      const T* from = row + column[g] + p.unit0;
      if (whole) {
        for (int j = 0; j < p.units; j += kLanes<T>) {
          store(dst + lane + j, column[g] < 0 ? Vec<T>{} : load(from + j));
        }
      } else if (column[g] >= 0) {
        __builtin_memcpy(dst + lane, from, sizeof(T) * p.units);
      }
    }
  }
}

// The transpose: B[k][j] = matrix[unit0 + j][column + k] for k in [0, depth), j in the panel's
// units (one gate), into dst [depth][p.vecs * lanes].
template <class T>
void pack_transposed(const T* matrix, ptrdiff_t row_stride, int column, int depth, const Panel& p,
                     T* dst) {
  constexpr int kBlock = kLanes<T>;
  const int width = p.vecs * kLanes<T>;
  for (int k = 0; k < depth; k += kBlock) {
    const int count = depth - k < kBlock ? depth - k : kBlock;
    for (int j = 0; j < width; j += kBlock) {
      const T* from = matrix + (p.unit0 + j) * row_stride + column + k;
      Vec<T> rows[kBlock];
#pragma GCC unroll 16
      for (int i = 0; i < kBlock; ++i) {
        rows[i] = j + i < p.units ? load_n(from + i * row_stride, count) : Vec<T>{};
      }
      transpose<T>(rows);
      T* to = dst + static_cast<size_t>(k) * width + j;
      if (count == kBlock) {
#pragma GCC unroll 16
        for (int i = 0; i < kBlock; ++i) store(to + static_cast<size_t>(i) * width, rows[i]);
      } else {
        for (int i = 0; i < count; ++i) store(to + static_cast<size_t>(i) * width, rows[i]);
      }
    }
  }
}

}  // namespace
FASTRNN_ISA_END
