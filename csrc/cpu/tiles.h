// Walks over the channels of pixels and over the columns of matrices, some registers at a time.
#pragma once

#include "cpu/slices.h"

FASTRNN_ISA_BEGIN
namespace {

// kCount registers side by side, from element `at` on; only a single one may be partly used.
template <class T, int kCount, bool kFull>
struct Tile {
  static constexpr int count = kCount;
  ptrdiff_t at;
  int n;
  FASTRNN_INLINE Slice<T, kFull> operator[](int i) const { return {at + i * kLanes<T>, n}; }
};

// body(tile) over elements [0, end): four registers at a time, so that sums have enough of them to
// hide the latency of an addition, then one.
template <class T, class Body>
FASTRNN_INLINE void for_each_tile(ptrdiff_t end, const Body& body) {
  constexpr int kCount = 4, kLength = kCount * kLanes<T>;
  ptrdiff_t i = 0;
  for (; i + kLength <= end; i += kLength) body(Tile<T, kCount, true>{i, kLanes<T>});
  for (; i + kLanes<T> <= end; i += kLanes<T>) body(Tile<T, 1, true>{i, kLanes<T>});
  if (i < end) body(Tile<T, 1, false>{i, static_cast<int>(end - i)});
}

}  // namespace
FASTRNN_ISA_END
