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

}  // namespace

namespace {

// B is fetched this many k ahead: some 100 cycles of a tile, which covers the second-level cache
// and much of the third. The hardware's own prefetch stops at every page.
constexpr int kAhead = 8;

}  // namespace

// One run of K products: accumulators += A[rows][0:depth] * B[0:depth][columns].
template <class T>
struct Segment {
  const T* const* rows;  // row pointers, see RowForm
  ptrdiff_t offset;      // elements from each row pointer to k = 0
  int depth;             // K
  const T* b;            // packed columns
  ptrdiff_t b_stride;    // elements from k to k + 1 in b
  // The forms by table: for each k the elements from where a row begins.
  const ptrdiff_t* at = nullptr;
};

enum class RowForm {
  kShared,     // rows[m]: one pointer per row, k contiguous
  kPerVector,  // rows[v * kMaxRows + m]: each vector of columns reads its own A (dropout per gate)
  kPacked,     // rows[0]: one block [K][MR] (the outer-product form: A by column)
  kTable,      // rows[m], k where the segment's table says (convolutions of few channels)
  // rows[0]: MR elements side by side, at the table's place for each k; the table goes on for
  // kAhead more, so that A can be asked for too.
  kPackedTable,
};

namespace {

// Half a panel's columns leave registers for twice the rows, if one pointer reaches them all.
constexpr int kTallRows = 2 * kMaxRows;
constexpr int most_rows(RowForm form, int vecs) {
  return form == RowForm::kPackedTable && 2 * vecs <= kPanelVecs ? kTallRows : kMaxRows;
}

}  // namespace

// tile: [rows][kPanelLanes], in: what the sums start from, out: the sums. The segments of `second`
// go to the accumulators from the kernel's shift on (the GRU, whose candidate keeps the input's and
// the state's part apart; see cells/gru.h).
template <class T>
using TileFn = void (*)(const Segment<T>* first, int n_first, const Segment<T>* second,
                        int n_second, T* tile);

// The kernel for `rows` rows (1 to most_rows) and `vecs` vectors of columns.
template <class T>
TileFn<T> tile_fn(RowForm form, int rows, int vecs);
// For three columns of vectors in each product, the second product's shifted by one.
template <class T>
TileFn<T> tile_fn_shifted(RowForm form, int rows);
// The same two for a whole batch of one row.
template <class T>
TileFn<T> tile_fn_split(int vecs);
template <class T>
TileFn<T> tile_fn_split_shifted();

namespace {

// Rows of the next tile when `left` remain: tiles of nearly equal height, none of a single row
// where it can be helped.
FASTRNN_INLINE int tile_rows(int left) {
  const int tiles = (left + kMaxRows - 1) / kMaxRows;
  return (left + tiles - 1) / tiles;
}

}  // namespace
FASTRNN_ISA_END
