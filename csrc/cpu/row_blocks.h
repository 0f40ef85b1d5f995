// A matrix in blocks of rows: what is summed over rows, column by column, is summed in each block
// and merged in the blocks' order, so that results do not depend on the number of threads.
#pragma once

#include "cpu/buffer.h"
#include "cpu/tiles.h"

FASTRNN_ISA_BEGIN
namespace {

// Rows are folded, some to one, until their length is a whole number of registers: of 3 channels
// become 48 columns, of which column c belongs to channel c % 3. Rows that are left over make the
// last block, unfolded.
template <class T>
class RowBlocks {
 public:
  RowBlocks(ptrdiff_t rows, ptrdiff_t channels) : channels_(channels) {
    ptrdiff_t fold = 1;
    while (fold * channels % kLanes<T>) fold *= 2;
    columns_ = fold * channels;
    folded_ = rows / fold;
    rest_ = rows % fold;
    // A tile's part of a block stays in the first cache, and a block's sums are short against it.
    constexpr ptrdiff_t kElements = 8192, kFewest = 16, kMost = 128;
    length_ = kElements / columns_;
    if (length_ < kFewest) length_ = kFewest;
    if (length_ > kMost) length_ = kMost;
    full_ = (folded_ + length_ - 1) / length_;
  }

  ptrdiff_t channels() const { return channels_; }
  ptrdiff_t columns() const { return columns_; }  // the most that a block has
  ptrdiff_t count() const { return full_ + (rest_ ? 1 : 0); }
  ptrdiff_t rows_of(ptrdiff_t block) const {
    if (block == full_) return rest_;
    return block + 1 < full_ ? length_ : folded_ - block * length_;
  }
  ptrdiff_t columns_of(ptrdiff_t block) const { return block == full_ ? channels_ : columns_; }

  // body(block, offset, rows, columns) on a team: the block starts `offset` elements into the
  // matrix. work: operations an element.
  template <class Body>
  void share(double work, const Body& body) const {
    const double each = work * static_cast<double>(length_) * static_cast<double>(columns_);
    share_items(count(), 1, each, [&](ptrdiff_t begin, ptrdiff_t end) {
      for (ptrdiff_t b = begin; b < end; ++b) {
        const ptrdiff_t offset = (b == full_ ? folded_ : b * length_) * columns_;
        body(b, offset, rows_of(b), columns_of(b));
      }
    });
  }

  // body(rows, part) for every block and, in it, for every part of `channels` columns, in order:
  // part is that of `values`, which hold `width` numbers a column and block.
  template <class Body>
  void merge(const T* values, int width, const Body& body) const {
    for (ptrdiff_t b = 0; b < count(); ++b) {
      const T* first = values + b * width * columns_;
      for (ptrdiff_t c = 0; c < columns_of(b); c += channels_) body(rows_of(b), first + c);
    }
  }

  // Copies the values of the channels to every column.
  template <class U>
  void spread(const U* values, T* out) const {
    for (ptrdiff_t c = 0, channel = 0; c < columns_; ++c) {
      out[c] = static_cast<T>(values[channel]);
      if (++channel == channels_) channel = 0;
    }
  }

 private:
  ptrdiff_t channels_, columns_, folded_, rest_, length_, full_;
};

}  // namespace
FASTRNN_ISA_END
