// The inner loop itself: one run of K products into accumulators in registers. See gemm.h.
#pragma once

#include "cpu/gemm.h"

FASTRNN_ISA_BEGIN
namespace {

// acc[m][kFirst + v] += sum over k of A[m][k] * B[k][v], v in [0, kVecs).
template <class T, int kRows, int kVecs, int kFirst, RowForm kForm>
FASTRNN_INLINE void accumulate(Vec<T> (&acc)[kRows][kPanelVecs], const Segment<T>& s) {
  constexpr int kSets = kForm == RowForm::kPerVector ? kVecs : 1;
  const T* a[kSets][kRows];
  for (int v = 0; v < kSets; ++v) {
    for (int m = 0; m < kRows; ++m) {
      a[v][m] = kForm == RowForm::kPacked ? s.rows[0] + m
                : kForm == RowForm::kPackedTable
                    ? s.rows[0] + s.offset + m
                    : s.rows[(v + (kSets > 1 ? kFirst : 0)) * kMaxRows + m] + s.offset;
    }
  }
  constexpr int kStep = kForm == RowForm::kPacked ? kRows : 1;
  constexpr bool kByTable = kForm == RowForm::kTable || kForm == RowForm::kPackedTable;
  const T* b = s.b;
  const ptrdiff_t b_stride = s.b_stride;
  const ptrdiff_t end = static_cast<ptrdiff_t>(s.depth) * kStep;
#pragma GCC unroll 2
  for (ptrdiff_t k = 0; k < end; k += kStep) {
    const ptrdiff_t at = kByTable ? s.at[k] : k;
    if constexpr (kForm == RowForm::kPackedTable) __builtin_prefetch(a[0][0] + s.at[k + kAhead]);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) __builtin_prefetch(b + kAhead * b_stride + v * kLanes<T>);
    Vec<T> column[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) column[v] = load(b + v * kLanes<T>);
#pragma GCC unroll 12
    for (int m = 0; m < kRows; ++m) {
      if constexpr (kForm == RowForm::kPerVector) {
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) acc[m][kFirst + v] += set1(a[v][m][k]) * column[v];
      } else {
        const Vec<T> value = set1(a[0][m][at]);
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) acc[m][kFirst + v] += value * column[v];
      }
    }
    b += b_stride;
  }
}

}  // namespace
FASTRNN_ISA_END
