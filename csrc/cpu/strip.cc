// See strip.h.
#include "cpu/strip.h"

#include "cells/activations.h"
#include "cpu/accumulate.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T, int kRows, int kVecs, RowForm kForm>
FASTRNN_INLINE void strip_tile(const Strip<T>& s, int row) {
  constexpr int kLine = 64 / static_cast<int>(sizeof(T));
  T* const* out = s.out + row;
  for (int m = 0; m < kRows; ++m) {
    for (int j = 0; j < s.units; j += kLine) __builtin_prefetch(out[m] + j, 1);
  }
  Vec<T> acc[kRows][kPanelVecs];
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    const int left = s.units - v * kLanes<T>;
    Vec<T> start = {};
    if (s.bias) {
      start =
          left >= kLanes<T> ? load(s.bias + v * kLanes<T>) : load_n(s.bias + v * kLanes<T>, left);
    }
#pragma GCC unroll 6
    for (int m = 0; m < kRows; ++m) {
      acc[m][v] = s.start ? load(s.start + (row + m) * kPanelLanes<T> + v * kLanes<T>) : start;
    }
  }
  if (s.add) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const int left = s.units - v * kLanes<T>;
#pragma GCC unroll 6
      for (int m = 0; m < kRows; ++m) {
        const T* held = out[m] + v * kLanes<T>;
        acc[m][v] = left >= kLanes<T> ? load(held) : load_n(held, left);
      }
    }
  }
  for (int i = 0; i < s.used; ++i) {
    Segment<T> segment = s.segments[i];
    segment.rows = s.rows + row;
    accumulate<T, kRows, kVecs, 0, kForm>(acc, segment);
  }
#pragma GCC unroll 6
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      if (s.activation == Activation::kRelu) {
        acc[m][v] = relu<T>(acc[m][v]);
      } else if (s.activation != Activation::kLinear) {
        acc[m][v] = activate<T>(s.activation, acc[m][v]);
      }
      const int left = s.units - v * kLanes<T>;
      if (left >= kLanes<T>) {
        store(out[m] + v * kLanes<T>, acc[m][v]);
      } else {
        store_n(out[m] + v * kLanes<T>, acc[m][v], left);
      }
    }
  }
}

template <class T, int kVecs, RowForm kForm>
void run_strip(const Strip<T>& s) {
  int i = 0;
  for (; s.count - i >= kMaxRows; i += kMaxRows) strip_tile<T, kMaxRows, kVecs, kForm>(s, i);
  switch (s.count - i) {
    case 5:
      if constexpr (kMaxRows > 5) strip_tile<T, 5, kVecs, kForm>(s, i);
      break;
    case 4:
      if constexpr (kMaxRows > 4) strip_tile<T, 4, kVecs, kForm>(s, i);
      break;
    case 3:
      if constexpr (kMaxRows > 3) strip_tile<T, 3, kVecs, kForm>(s, i);
      break;
    case 2:
      strip_tile<T, 2, kVecs, kForm>(s, i);
      break;
    case 1:
      strip_tile<T, 1, kVecs, kForm>(s, i);
      break;
    default:
      break;
  }
}

template <class T, RowForm kForm>
void run_strip_of(int vecs, const Strip<T>& s) {
  switch (vecs) {
    case 1:
      return run_strip<T, 1, kForm>(s);
    case 2:
      return run_strip<T, 2, kForm>(s);
    case 3:
      return run_strip<T, 3, kForm>(s);
    default:
      return run_strip<T, 4, kForm>(s);
  }
}

}  // namespace

template <class T>
void run_strip(RowForm form, int vecs, const Strip<T>& strip) {
  if (form == RowForm::kTable) return run_strip_of<T, RowForm::kTable>(vecs, strip);
  run_strip_of<T, RowForm::kShared>(vecs, strip);
}

template void run_strip<float>(RowForm form, int vecs, const Strip<float>& strip);
template void run_strip<double>(RowForm form, int vecs, const Strip<double>& strip);

FASTRNN_ISA_END
