// The micro-kernels; see gemm.h.
#include "cpu/accumulate.h"

FASTRNN_ISA_BEGIN
namespace {

// A single row reads B as fast as it comes, so that it is asked for earlier.
constexpr int kAheadSplit = 16;

template <class T, int kRows, int kVecs, int kShift, RowForm kForm>
void tile_sum(const Segment<T>* first, int n_first, const Segment<T>* second, int n_second,
              T* tile) {
  constexpr int kUsed = kVecs + kShift;
  Vec<T> acc[kRows][kPanelVecs];
#pragma GCC unroll 12
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int v = 0; v < kUsed; ++v) acc[m][v] = load(tile + m * kPanelLanes<T> + v * kLanes<T>);
  }
  for (int i = 0; i < n_first; ++i) accumulate<T, kRows, kVecs, 0, kForm>(acc, first[i]);
  for (int i = 0; i < n_second; ++i) accumulate<T, kRows, kVecs, kShift, kForm>(acc, second[i]);
#pragma GCC unroll 12
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
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v)
        __builtin_prefetch(b + kAheadSplit * s.b_stride + v * kLanes<T>);
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

template <class T, int kVecs, int kShift, RowForm kForm, int kRows = most_rows(kForm, kVecs)>
TileFn<T> tile_for_rows(int rows) {
  if constexpr (kRows == 0) {
    return nullptr;
  } else {
    return rows == kRows ? tile_sum<T, kRows, kVecs, kShift, kForm>
                         : tile_for_rows<T, kVecs, kShift, kForm, kRows - 1>(rows);
  }
}

template <class T, RowForm kForm>
TileFn<T> tile_for_vecs(int rows, int vecs) {
  switch (vecs) {
    case 1:
      return tile_for_rows<T, 1, 0, kForm>(rows);
    case 2:
      return tile_for_rows<T, 2, 0, kForm>(rows);
    case 3:
      return tile_for_rows<T, 3, 0, kForm>(rows);
    default:
      return tile_for_rows<T, 4, 0, kForm>(rows);
  }
}

}  // namespace

template <class T>
TileFn<T> tile_fn(RowForm form, int rows, int vecs) {
  switch (form) {
    case RowForm::kShared:
      return tile_for_vecs<T, RowForm::kShared>(rows, vecs);
    case RowForm::kPerVector:
      return tile_for_rows<T, 4, 0, RowForm::kPerVector>(rows);
    case RowForm::kPacked:
      return tile_for_vecs<T, RowForm::kPacked>(rows, vecs);
    case RowForm::kTable:
      return tile_for_vecs<T, RowForm::kTable>(rows, vecs);
    case RowForm::kPackedTable:
      return tile_for_vecs<T, RowForm::kPackedTable>(rows, vecs);
  }
  return nullptr;
}

template <class T>
TileFn<T> tile_fn_shifted(RowForm form, int rows) {
  return form == RowForm::kPerVector ? tile_for_rows<T, 3, 1, RowForm::kPerVector>(rows)
                                     : tile_for_rows<T, 3, 1, RowForm::kShared>(rows);
}

template <class T>
TileFn<T> tile_fn_split(int vecs) {
  switch (vecs) {
    case 1:
      return tile_split<T, 1, 0>;
    case 2:
      return tile_split<T, 2, 0>;
    case 3:
      return tile_split<T, 3, 0>;
    default:
      return tile_split<T, 4, 0>;
  }
}

template <class T>
TileFn<T> tile_fn_split_shifted() {
  return tile_split<T, 3, 1>;
}

#define FASTRNN_INSTANTIATE(T)                                     \
  template TileFn<T> tile_fn<T>(RowForm form, int rows, int vecs); \
  template TileFn<T> tile_fn_shifted<T>(RowForm form, int rows);   \
  template TileFn<T> tile_fn_split<T>(int vecs);                   \
  template TileFn<T> tile_fn_split_shifted<T>();
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

FASTRNN_ISA_END
