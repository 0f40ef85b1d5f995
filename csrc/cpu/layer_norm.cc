// Layer normalization, row by row: normalization.h has the formulas. A row is read from memory
// once; the later passes over it find it in the cache.
#include "cpu/buffer.h"
#include "cpu/tiles.h"
#include "normalization.h"

FASTRNN_ISA_BEGIN
namespace {

FASTRNN_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
FASTRNN_INLINE double square_root(double x) { return __builtin_sqrt(x); }

// term(slice) summed over a row; unused lanes must be zero.
template <class T, class Term>
FASTRNN_INLINE T row_sum(ptrdiff_t columns, const Term& term) {
  Vec<T> sum[4] = {};
  for_each_tile<T>(columns, [&](auto tile) {
    for (int i = 0; i < tile.count; ++i) sum[i] += term(tile[i]);
  });
  return sum_lanes<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// affine(normal, slice): what becomes of the normalized values.
template <class T, class Affine>
FASTRNN_INLINE void forward_row(const LayerNormalize<T>& a, ptrdiff_t row, const Affine& affine) {
  const ptrdiff_t channels = a.channels;
  const T* x = a.x + row * channels;
  T* y = a.y + row * channels;
  const T count = static_cast<T>(channels);
  // The differences to the first element, so that a large mean costs no digits.
  const Vec<T> first = set1(x[0]);
  const T mean =
      x[0] + row_sum<T>(channels, [&](auto s) { return s.only(s.get(x) - first, T(0)); }) / count;
  const Vec<T> center = set1(mean);
  const T squares = row_sum<T>(channels, [&](auto s) {
    const Vec<T> d = s.only(s.get(x) - center, T(0));
    return d * d;
  });
  const T rstd = T(1) / square_root(squares / count + static_cast<T>(a.epsilon));
  const Vec<T> scale = set1(rstd);
  for_each_slice<T>(0, channels, [&](auto s) { s.put(y, affine((s.get(x) - center) * scale, s)); });
  if (a.mean) {
    a.mean[row] = mean;
    a.rstd[row] = rstd;
  }
}

template <class T>
void forward(const LayerNormalize<T>& a) {
  const ptrdiff_t grain = 1 + 2048 / a.channels;
  const T* gamma = a.gamma;
  const T* beta = a.beta;
  const auto rows = [&](auto affine) {
    share_items(a.rows, grain, 8 * static_cast<double>(a.channels + 8),
                [&](ptrdiff_t begin, ptrdiff_t end) {
                  for (ptrdiff_t r = begin; r < end; ++r) forward_row(a, r, affine);
                });
  };
  if (gamma && beta) {
    rows([=](Vec<T> v, auto s) { return v * s.get(gamma) + s.get(beta); });
  } else {
    rows([=](Vec<T> v, auto s) {
      if (gamma) v *= s.get(gamma);
      if (beta) v += s.get(beta);
      return v;
    });
  }
}

// With n = (x - mean) rstd, g = dy gamma and averages over the row:
//   dx = rstd (g - avg(g) - n avg(g n)). Adds dy n and dy to the row's block of dgamma and dbeta.
template <class T>
void backward_row(const LayerNormalizeBackward<T>& a, ptrdiff_t row, T* dgamma, T* dbeta) {
  const ptrdiff_t channels = a.channels;
  const T* x = a.x + row * channels;
  const T* dy = a.dy + row * channels;
  const T* gamma = a.gamma;
  T* dx = a.dx + row * channels;
  const Vec<T> mean = set1(a.mean[row]), rstd = set1(a.rstd[row]);
  Vec<T> sum = {}, product = {};
  for_each_slice<T>(0, channels, [&](auto s) {
    const Vec<T> n = s.only((s.get(x) - mean) * rstd, T(0));
    const Vec<T> gradient = s.get(dy);
    const Vec<T> g = gamma ? gradient * s.get(gamma) : gradient;
    s.put(dx, g);
    s.put(dgamma, s.get(dgamma) + gradient * n);
    s.put(dbeta, s.get(dbeta) + gradient);
    sum += g;
    product += g * n;
  });
  const T count = static_cast<T>(channels);
  const Vec<T> offset = set1(sum_lanes<T>(sum) / count);
  const Vec<T> slope = set1(sum_lanes<T>(product) / count);
  for_each_slice<T>(0, channels, [&](auto s) {
    const Vec<T> n = (s.get(x) - mean) * rstd;
    s.put(dx, rstd * (s.get(dx) - offset - n * slope));
  });
}

template <class T>
void backward(const LayerNormalizeBackward<T>& a) {
  const ptrdiff_t channels = a.channels;
  // Blocks depend on the shape alone, and so does the order of the sums.
  ptrdiff_t length = 32768 / channels;
  length = length < 16 ? 16 : length > 256 ? 256 : length;
  const ptrdiff_t blocks = (a.rows + length - 1) / length;
  Layout sizes;
  sizes.take<T>(2 * channels * blocks);
  sizes.take<double>(2 * channels);
  const Buffer memory(sizes.size());
  Layout layout(memory.bytes());
  T* parts = layout.take<T>(2 * channels * blocks);
  double* sums = layout.take<double>(2 * channels);
  const double work = 16 * static_cast<double>(length) * static_cast<double>(channels + 8);
  share_items(blocks, 1, work, [&](ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t b = begin; b < end; ++b) {
      T* part = parts + 2 * b * channels;
      for (ptrdiff_t c = 0; c < 2 * channels; ++c) part[c] = T(0);
      const ptrdiff_t first = b * length, last = first + length < a.rows ? first + length : a.rows;
      for (ptrdiff_t r = first; r < last; ++r) backward_row(a, r, part, part + channels);
    }
  });
  for (ptrdiff_t c = 0; c < 2 * channels; ++c) sums[c] = 0;
  for (ptrdiff_t b = 0; b < blocks; ++b) {
    const T* part = parts + 2 * b * channels;
    for (ptrdiff_t c = 0; c < 2 * channels; ++c) sums[c] += static_cast<double>(part[c]);
  }
  for (ptrdiff_t c = 0; c < channels; ++c) {
    a.dgamma[c] = static_cast<T>(sums[c]);
    a.dbeta[c] = static_cast<T>(sums[channels + c]);
  }
}

template <class T>
constexpr LayerNormFunctions<T> kFunctions = {forward<T>, backward<T>};

}  // namespace

const LayerNormTable* layer_norm_table() {
  static constexpr LayerNormTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
