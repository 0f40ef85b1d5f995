// The one inner loop of this library: "rows of A times a packed B, into accumulators".
//
// A tile is up to kMaxRows rows by up to kPanelVecs vectors of columns and lives in registers for
// the whole of K. The rows of A are reached through pointers, so they may lie anywhere: in a frame,
// in the previous step's output, in an initial state. B is packed into panels of
// [K][vectors][lanes]. What a tile starts from and what becomes of it is the caller's: both go
// through a small buffer of [rows][kPanelVecs * lanes], which stays in the first-level cache and
// costs under 2 % of a tile with K >= 64.
//
// Every element is summed over k in rising order, whatever tile it falls into, so results do not
// depend on how rows and columns are shared out among threads. (tile_split, for a batch of one,
// keeps four partial sums: chosen by the problem's shape alone.)
#pragma once

#include "cpu/vec.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr int kPanelVecs = 4;
// 6 x 4 accumulators, 4 columns of B and one broadcast fill 29 of 32 registers; 3 x 4 of 16.
constexpr int kMaxRows = kVecRegisters >= 32 ? 6 : 3;

template <class T>
constexpr int kPanelLanes = kPanelVecs * kLanes<T>;

// One run of K products: accumulators += A[rows][0:depth] * B[0:depth][columns].
template <class T>
struct Segment {
  const T* const* rows;   // row pointers, see RowForm
  ptrdiff_t offset;       // elements from each row pointer to k = 0
  int depth;              // K
  const T* b;             // packed columns
  ptrdiff_t b_stride;     // elements from k to k + 1 in b
};

enum class RowForm {
  kShared,     // rows[m]: one pointer per row, k contiguous
  kPerVector,  // rows[v * kMaxRows + m]: each vector of columns reads its own A (dropout per gate)
  kPacked,     // rows[0]: one block [K][MR] (the outer-product form: A by column)
};

// acc[m][kFirst + v] += sum over k of A[m][k] * B[k][v], v in [0, kVecs).
template <class T, int kRows, int kVecs, int kFirst, RowForm kForm>
FASTRNN_INLINE void accumulate(Vec<T> (&acc)[kRows][kPanelVecs], const Segment<T>& s) {
  constexpr int kSets = kForm == RowForm::kPerVector ? kVecs : 1;
  const T* a[kSets][kRows];
  for (int v = 0; v < kSets; ++v) {
    for (int m = 0; m < kRows; ++m) {
      a[v][m] = kForm == RowForm::kPacked ? s.rows[0] + m
                                          : s.rows[(v + (kSets > 1 ? kFirst : 0)) * kMaxRows + m] + s.offset;
    }
  }
  constexpr int kStep = kForm == RowForm::kPacked ? kRows : 1;
  const T* b = s.b;
  const ptrdiff_t b_stride = s.b_stride;
  const ptrdiff_t end = static_cast<ptrdiff_t>(s.depth) * kStep;
#pragma GCC unroll 2
  for (ptrdiff_t k = 0; k < end; k += kStep) {
    Vec<T> column[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) column[v] = load(b + v * kLanes<T>);
#pragma GCC unroll 6
    for (int m = 0; m < kRows; ++m) {
      if constexpr (kForm == RowForm::kPerVector) {
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) acc[m][kFirst + v] += set1(a[v][m][k]) * column[v];
      } else {
        const Vec<T> value = set1(a[0][m][k]);
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) acc[m][kFirst + v] += value * column[v];
      }
    }
    b += b_stride;
  }
}

// tile: [kRows][kPanelLanes], in: what the sums start from, out: the sums.
// The segments of `second` go to the accumulators from kShift on (the GRU, whose candidate keeps
// the input's and the state's part apart; see cells/gru.h).
template <class T>
using TileFn = void (*)(const Segment<T>* first, int n_first, const Segment<T>* second,
                        int n_second, T* tile);

template <class T, int kRows, int kVecs, int kShift, RowForm kForm>
void tile_sum(const Segment<T>* first, int n_first, const Segment<T>* second, int n_second,
              T* tile) {
  constexpr int kUsed = kVecs + kShift;
  Vec<T> acc[kRows][kPanelVecs];
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int v = 0; v < kUsed; ++v) acc[m][v] = load(tile + m * kPanelLanes<T> + v * kLanes<T>);
  }
  for (int i = 0; i < n_first; ++i) accumulate<T, kRows, kVecs, 0, kForm>(acc, first[i]);
  for (int i = 0; i < n_second; ++i) accumulate<T, kRows, kVecs, kShift, kForm>(acc, second[i]);
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int v = 0; v < kUsed; ++v) store(tile + m * kPanelLanes<T> + v * kLanes<T>, acc[m][v]);
  }
}

// One row, k in four interleaved parts: acc[j] sums k = j, j + 4, ...
constexpr int kParts = 4;

template <class T, int kVecs, int kFirst, int kUsed>
FASTRNN_INLINE void accumulate_split(Vec<T> (&acc)[kParts][kUsed], const Segment<T>& s) {
  const T* a = s.rows[0] + s.offset;
  const T* b = s.b;
  int k = 0;
  for (; k + kParts <= s.depth; k += kParts) {
#pragma GCC unroll 4
    for (int j = 0; j < kParts; ++j) {
      const Vec<T> value = set1(a[k + j]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) acc[j][kFirst + v] += value * load(b + v * kLanes<T>);
      b += s.b_stride;
    }
  }
  for (; k < s.depth; ++k, b += s.b_stride) {
    const Vec<T> value = set1(a[k]);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) acc[0][kFirst + v] += value * load(b + v * kLanes<T>);
  }
}

// For a batch of one row: the parts hide the latency of the additions; then (0+1) + (2+3).
template <class T, int kVecs, int kShift>
void tile_split(const Segment<T>* first, int n_first, const Segment<T>* second, int n_second,
                T* tile) {
  constexpr int kUsed = kVecs + kShift;
  Vec<T> acc[kParts][kUsed] = {};
#pragma GCC unroll 4
  for (int v = 0; v < kUsed; ++v) acc[0][v] = load(tile + v * kLanes<T>);
  for (int i = 0; i < n_first; ++i) accumulate_split<T, kVecs, 0, kUsed>(acc, first[i]);
  for (int i = 0; i < n_second; ++i) accumulate_split<T, kVecs, kShift, kUsed>(acc, second[i]);
#pragma GCC unroll 4
  for (int v = 0; v < kUsed; ++v) {
    store(tile + v * kLanes<T>, (acc[0][v] + acc[1][v]) + (acc[2][v] + acc[3][v]));
  }
}

template <class T, int kVecs, int kShift, RowForm kForm>
TileFn<T> tile_for_rows(int rows) {
  switch (rows) {
    case 1: return tile_sum<T, 1, kVecs, kShift, kForm>;
    case 2: return tile_sum<T, 2, kVecs, kShift, kForm>;
    case 3: return tile_sum<T, 3, kVecs, kShift, kForm>;
    case 4: if constexpr (kMaxRows >= 4) return tile_sum<T, 4, kVecs, kShift, kForm>; break;
    case 5: if constexpr (kMaxRows >= 5) return tile_sum<T, 5, kVecs, kShift, kForm>; break;
    case 6: if constexpr (kMaxRows >= 6) return tile_sum<T, 6, kVecs, kShift, kForm>; break;
    default: break;
  }
  return nullptr;
}

template <class T, RowForm kForm>
TileFn<T> tile_fn(int rows, int vecs) {
  switch (vecs) {
    case 1: return tile_for_rows<T, 1, 0, kForm>(rows);
    case 2: return tile_for_rows<T, 2, 0, kForm>(rows);
    case 3: return tile_for_rows<T, 3, 0, kForm>(rows);
    default: return tile_for_rows<T, 4, 0, kForm>(rows);
  }
}

// For a whole batch of one row.
template <class T>
TileFn<T> tile_fn_split(int vecs) {
  switch (vecs) {
    case 1: return tile_split<T, 1, 0>;
    case 2: return tile_split<T, 2, 0>;
    case 3: return tile_split<T, 3, 0>;
    default: return tile_split<T, 4, 0>;
  }
}

// Rows of the next tile when `left` remain: tiles of nearly equal height, none of a single row
// where it can be helped.
FASTRNN_INLINE int tile_rows(int left) {
  const int tiles = (left + kMaxRows - 1) / kMaxRows;
  return (left + tiles - 1) / tiles;
}

}  // namespace
FASTRNN_ISA_END
