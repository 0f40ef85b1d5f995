// How a persistent kernel is cut up: what the plan decides and kernel and launcher read.
#pragma once

#include "cuda/product.h"

namespace fastrnn::cuda {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * kWarp;
constexpr int kMaxTiles = 3;  // of columns, a warp

// A grid of row_groups x unit_groups blocks; those of a row group exchange what they compute, after
// every step. A block has `units` units of `rows` sequences. Its warps share out its columns, and
// the sum's terms.
struct Shape {
  int unit_groups, row_groups;
  int units, rows;
  int columns;       // of sums: units, times the gates forward
  int depth;         // terms of a sum
  int tiles;         // of columns that one warp has
  int column_warps;  // times depth_warps = kWarps
  bool cluster;      // a row group is a cluster, and keeps the operand in shared memory
  int chunk;         // else: blocks of terms that are fetched at a time
  int value_bytes;   // of an operand's element
  int parts;         // of a TF32 product: 1 or 3

  FASTRNN_INLINE int depth_warps() const { return kWarps / column_warps; }
  FASTRNN_INLINE int blocks() const { return depth / kTileDepth; }
  FASTRNN_INLINE int chunks() const { return (blocks() + chunk - 1) / chunk; }
  FASTRNN_INLINE int row_tiles() const { return (rows + kTileRows - 1) / kTileRows; }
  FASTRNN_INLINE int tile_row() const { return tiles * column_warps; }  // tiles side by side
  // Steps over the terms that one warp makes, and those whose weights stay in its registers.
  FASTRNN_INLINE int warp_steps() const { return (blocks() + depth_warps() - 1) / depth_warps(); }
  FASTRNN_INLINE int shared_blocks(int held_steps) const {
    const int held = held_steps * depth_warps();
    return blocks() > held ? blocks() - held : 0;
  }
  // Elements from one row of the operand to the next: no two lanes meet in a bank.
  FASTRNN_INLINE int operand_stride() const {
    const int elements = (cluster ? blocks() : chunk) * kTileDepth;
    return (round_up(elements * value_bytes, 128) + (value_bytes == 4 ? 16 : 64)) / value_bytes;
  }
  FASTRNN_INLINE int operand_rows() const { return cluster ? row_tiles() * kTileRows : kTileRows; }
  FASTRNN_INLINE int partial_stride() const { return tile_row() * kTileColumns + 4; }

  // Parts of shared memory, in bytes, one after the other: weights, two operands, partial sums.
  FASTRNN_INLINE std::int64_t weight_bytes(int held_steps) const {
    return static_cast<std::int64_t>(shared_blocks(held_steps)) * tile_row() * kTileSize *
           value_bytes;
  }
  FASTRNN_INLINE std::int64_t operand_bytes() const {
    return static_cast<std::int64_t>(operand_rows()) * operand_stride() * value_bytes;
  }
  FASTRNN_INLINE std::int64_t partial_bytes() const {
    return static_cast<std::int64_t>(depth_warps()) * kTileRows * partial_stride() *
           static_cast<int>(sizeof(float));
  }
  FASTRNN_INLINE std::int64_t shared_bytes(int held_steps) const {
    return weight_bytes(held_steps) + 2 * operand_bytes() + partial_bytes();
  }
};

// Steps over the terms whose weights a warp keeps in registers: not too many, for the compiler
// would load all their operands at once.
constexpr int held_steps(int held_words, int value_bytes, int tiles) {
  const int words = 4 * value_bytes, most = 64 / words;
  return held_words / (words * tiles) < most ? held_words / (words * tiles) : most;
}

}  // namespace fastrnn::cuda
