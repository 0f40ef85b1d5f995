// The outer-product form: A read by column, packed so that a tile's features lie side by side.
#pragma once

#include "cpu/gemm.h"
#include "cpu/parallel.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr int column_tiles(int features) { return (features + kMaxRows - 1) / kMaxRows; }

// out: for each tile of kMaxRows features [capacity][height], of which [count] is written; a tile
// begins at (first feature) * capacity. rows[r] may be null: zeros. Where `batch_of` is given, row
// r is multiplied by mask + batch_of[r] * mask_batch. The team shares the tiles.
template <class T>
void pack_columns(const T* const* rows, int count, int features, const int* batch_of, const T* mask,
                  ptrdiff_t mask_batch, int capacity, T* out, const Team& team) {
  int begin, end;
  team.share(column_tiles(features), 1, &begin, &end);
  constexpr int kBlock = 64;  // rows whose cache lines stay while neighbouring tiles read them
  for (int r0 = 0; r0 < count; r0 += kBlock) {
    const int r1 = r0 + kBlock < count ? r0 + kBlock : count;
    for (int tile = begin; tile < end; ++tile) {
      const int feature = tile * kMaxRows;
      const int height = features - feature < kMaxRows ? features - feature : kMaxRows;
      T* to = out + static_cast<size_t>(feature) * capacity + static_cast<size_t>(r0) * height;
      for (int r = r0; r < r1; ++r, to += height) {
        if (!rows[r]) {
          for (int m = 0; m < height; ++m) to[m] = T(0);
        } else if (batch_of) {
          const T* factor = mask + batch_of[r] * mask_batch + feature;
          for (int m = 0; m < height; ++m) to[m] = rows[r][feature + m] * factor[m];
        } else if (height == kMaxRows) {
          __builtin_memcpy(to, rows[r] + feature, sizeof(T) * kMaxRows);
        } else {
          for (int m = 0; m < height; ++m) to[m] = rows[r][feature + m];
        }
      }
    }
  }
}

}  // namespace
FASTRNN_ISA_END
