// Batch normalization: normalization.h has the formulas.
#include "cpu/row_blocks.h"
#include "normalization.h"

FASTRNN_ISA_BEGIN
namespace {

// Each block's mean, what its rounding lost, and the sum of squares about it; the differences to
// its first row are what is summed, so that a large mean costs no digits. Merged after Chan, Golub
// & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
template <class T>
void statistics(const BatchStatistics<T>& a) {
  const RowBlocks<T> blocks(a.rows, a.channels);
  const ptrdiff_t columns = blocks.columns(), channels = a.channels;
  const Buffer memory(static_cast<size_t>(3 * columns * blocks.count()) * sizeof(T));
  T* parts = reinterpret_cast<T*>(memory.bytes());
  blocks.share(6, [&](ptrdiff_t block, ptrdiff_t offset, ptrdiff_t rows, ptrdiff_t width) {
    T* means = parts + 3 * block * columns;
    T* lost = means + columns;
    T* squares = lost + columns;
    const Vec<T> count = set1(static_cast<T>(rows));
    for_each_tile<T>(width, [&](auto tile) {
      const T* x = a.x + offset;
      Vec<T> mean[tile.count], sum[tile.count] = {}, square[tile.count] = {};
      for (int i = 0; i < tile.count; ++i) mean[i] = tile[i].get(x);
      for (ptrdiff_t r = 1; r < rows; ++r) {
        for (int i = 0; i < tile.count; ++i) sum[i] += tile[i].get(x + r * width) - mean[i];
      }
      for (int i = 0; i < tile.count; ++i) {
        mean[i] += sum[i] / count;
        sum[i] = Vec<T>{};
      }
      for (ptrdiff_t r = 0; r < rows; ++r) {
        for (int i = 0; i < tile.count; ++i) {
          const Vec<T> d = tile[i].get(x + r * width) - mean[i];
          sum[i] += d;
          square[i] += d * d;
        }
      }
      for (int i = 0; i < tile.count; ++i) {
        const Vec<T> rest = sum[i] / count;
        tile[i].put(means, mean[i]);
        tile[i].put(lost, rest);
        tile[i].put(squares, square[i] - rest * sum[i]);
      }
    });
  });

  for (ptrdiff_t c = 0; c < channels; ++c) a.mean[c] = a.variance[c] = 0;
  double seen = 0;
  blocks.merge(parts, 3, [&](ptrdiff_t rows, const T* part) {
    const double before = seen;
    seen += static_cast<double>(rows);
    const double share = static_cast<double>(rows) / seen;
    for (ptrdiff_t c = 0; c < channels; ++c) {
      const double mean = static_cast<double>(part[c]) + static_cast<double>(part[columns + c]);
      const double square = static_cast<double>(part[2 * columns + c]);
      const double apart = mean - a.mean[c];
      a.mean[c] += apart * share;
      a.variance[c] += square + apart * apart * before * share;
    }
  });
  for (ptrdiff_t c = 0; c < channels; ++c) a.variance[c] /= static_cast<double>(a.rows);
}

// What T loses of a mean. It moves into the constants that are added behind the subtraction.
template <class T>
double lost(double mean) {
  return mean - static_cast<double>(static_cast<T>(mean));
}

template <class T>
void forward(const BatchNormalize<T>& a) {
  const RowBlocks<T> blocks(a.rows, a.channels);
  const ptrdiff_t columns = blocks.columns(), channels = a.channels;
  Layout sizes;
  sizes.take<double>(2 * channels);
  sizes.take<T>(3 * columns);
  const Buffer memory(sizes.size());
  Layout layout(memory.bytes());
  double* scale_of = layout.take<double>(2 * channels);
  double* shift_of = scale_of + channels;
  T* means = layout.take<T>(3 * columns);
  T* scales = means + columns;
  T* shifts = scales + columns;
  for (ptrdiff_t c = 0; c < channels; ++c) {
    scale_of[c] = a.gamma ? static_cast<double>(a.gamma[c]) * a.rstd[c] : a.rstd[c];
    shift_of[c] = a.beta ? static_cast<double>(a.beta[c]) : 0;
    shift_of[c] -= lost<T>(a.mean[c]) * scale_of[c];
  }
  blocks.spread(a.mean, means);
  blocks.spread(scale_of, scales);
  blocks.spread(shift_of, shifts);
  blocks.share(3, [&](ptrdiff_t, ptrdiff_t offset, ptrdiff_t rows, ptrdiff_t width) {
    for_each_tile<T>(width, [&](auto tile) {
      Vec<T> mean[tile.count], scale[tile.count], shift[tile.count];
      for (int i = 0; i < tile.count; ++i) {
        mean[i] = tile[i].get(means);
        scale[i] = tile[i].get(scales);
        shift[i] = tile[i].get(shifts);
      }
      for (ptrdiff_t r = 0; r < rows; ++r) {
        const T* x = a.x + offset + r * width;
        T* y = a.y + offset + r * width;
        for (int i = 0; i < tile.count; ++i) {
          tile[i].put(y, (tile[i].get(x) - mean[i]) * scale[i] + shift[i]);
        }
      }
    });
  });
}

// With d = x - mean and averages over the rows:
//   dx = gamma rstd (dy - avg(dy) - d rstd^2 avg(dy d)), dgamma = rstd sum(dy d), dbeta = sum(dy)
template <class T>
void backward(const BatchNormalizeBackward<T>& a) {
  const RowBlocks<T> blocks(a.rows, a.channels);
  const ptrdiff_t columns = blocks.columns(), channels = a.channels;
  Layout sizes;
  sizes.take<double>(3 * channels);
  sizes.take<T>(4 * columns);
  sizes.take<T>(2 * columns * blocks.count());
  const Buffer memory(sizes.size());
  Layout layout(memory.bytes());
  double* sums = layout.take<double>(3 * channels);
  double* products = sums + channels;
  double* scale_of = products + channels;
  T* means = layout.take<T>(4 * columns);
  T* scales = means + columns;
  T* offsets = scales + columns;
  T* slopes = offsets + columns;
  T* parts = layout.take<T>(2 * columns * blocks.count());

  blocks.spread(a.mean, means);
  blocks.share(4, [&](ptrdiff_t block, ptrdiff_t offset, ptrdiff_t rows, ptrdiff_t width) {
    T* part = parts + 2 * block * columns;
    for_each_tile<T>(width, [&](auto tile) {
      Vec<T> mean[tile.count], sum[tile.count] = {}, product[tile.count] = {};
      for (int i = 0; i < tile.count; ++i) mean[i] = tile[i].get(means);
      for (ptrdiff_t r = 0; r < rows; ++r) {
        const ptrdiff_t at = offset + r * width;
        for (int i = 0; i < tile.count; ++i) {
          const Vec<T> gradient = tile[i].get(a.dy + at);
          sum[i] += gradient;
          product[i] += gradient * (tile[i].get(a.x + at) - mean[i]);
        }
      }
      for (int i = 0; i < tile.count; ++i) {
        tile[i].put(part, sum[i]);
        tile[i].put(part + columns, product[i]);
      }
    });
  });

  for (ptrdiff_t c = 0; c < 2 * channels; ++c) sums[c] = 0;
  blocks.merge(parts, 2, [&](ptrdiff_t, const T* part) {
    for (ptrdiff_t c = 0; c < channels; ++c) {
      sums[c] += static_cast<double>(part[c]);
      products[c] += static_cast<double>(part[columns + c]);
    }
  });
  for (ptrdiff_t c = 0; c < channels; ++c) {
    const double rest = lost<T>(a.mean[c]), rows = static_cast<double>(a.rows);
    products[c] -= rest * sums[c];
    a.dbeta[c] = static_cast<T>(sums[c]);
    a.dgamma[c] = static_cast<T>(products[c] * a.rstd[c]);
    products[c] *= a.rstd[c] * a.rstd[c] / rows;
    sums[c] = sums[c] / rows - rest * products[c];
    scale_of[c] = a.gamma ? static_cast<double>(a.gamma[c]) * a.rstd[c] : a.rstd[c];
  }
  blocks.spread(sums, offsets);
  blocks.spread(products, slopes);
  blocks.spread(scale_of, scales);
  blocks.share(5, [&](ptrdiff_t, ptrdiff_t offset, ptrdiff_t rows, ptrdiff_t width) {
    for_each_tile<T>(width, [&](auto tile) {
      for (ptrdiff_t r = 0; r < rows; ++r) {
        const ptrdiff_t at = offset + r * width;
        for (int i = 0; i < tile.count; ++i) {
          const Vec<T> d = tile[i].get(a.x + at) - tile[i].get(means);
          const Vec<T> gradient = tile[i].get(a.dy + at) - tile[i].get(offsets);
          tile[i].put(a.dx + at, (gradient - d * tile[i].get(slopes)) * tile[i].get(scales));
        }
      }
    });
  });
}

template <class T>
constexpr BatchNormFunctions<T> kFunctions = {statistics<T>, forward<T>, backward<T>};

}  // namespace

const BatchNormTable* batch_norm_table() {
  static constexpr BatchNormTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
