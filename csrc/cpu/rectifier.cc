// Rectifiers: rectifier.h has the formulas.
#include "rectifier.h"

#include "cpu/row_blocks.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr double kWork = 4;  // operations an element, roughly

template <class T>
void relu_values(const Rectifier<T>& a) {
  const Vec<T> slope = set1(static_cast<T>(a.negative_slope));
  const Vec<T> threshold = set1(static_cast<T>(a.threshold)), top = set1(static_cast<T>(a.maximum));
  const Vec<T> zero = set1(T(0));
  const bool sloped = a.negative_slope != 0;  // 0 times infinity would be NaN
  share_slices<T>(a.count, kWork, [&](auto s) {
    const Vec<T> x = s.get(a.x);
    const Vec<T> above = select<T>(x > top, top, x);
    s.put(a.out, select<T>(x < threshold, sloped ? slope * (x - threshold) : zero, above));
  });
}

template <class T>
void relu_gradient(const Rectifier<T>& a) {
  const Vec<T> slope = set1(static_cast<T>(a.negative_slope)), zero = set1(T(0));
  const Vec<T> threshold = set1(static_cast<T>(a.threshold)), top = set1(static_cast<T>(a.maximum));
  share_slices<T>(a.count, kWork, [&](auto s) {
    const Vec<T> x = s.get(a.x), dy = s.get(a.dy);
    const Vec<T> above = select<T>(x >= top, zero, dy);
    s.put(a.out, select<T>(x <= threshold, slope * dy, above));
  });
}

template <class T>
void prelu_values(const Prelu<T>& a) {
  const RowBlocks<T> blocks(a.rows, a.columns);
  const Buffer memory(static_cast<size_t>(blocks.columns()) * sizeof(T));
  T* slopes = reinterpret_cast<T*>(memory.bytes());
  blocks.spread(a.alpha, slopes);
  const Vec<T> zero = set1(T(0));
  blocks.share(kWork, [&](ptrdiff_t, ptrdiff_t offset, ptrdiff_t rows, ptrdiff_t width) {
    for_each_tile<T>(width, [&](auto tile) {
      for (ptrdiff_t r = 0; r < rows; ++r) {
        const ptrdiff_t at = offset + r * width;
        for (int i = 0; i < tile.count; ++i) {
          const Vec<T> x = tile[i].get(a.x + at);
          tile[i].put(a.y + at, select<T>(x > zero, x, x * tile[i].get(slopes)));
        }
      }
    });
  });
}

template <class T>
void prelu_gradient(const PreluBackward<T>& a) {
  const RowBlocks<T> blocks(a.rows, a.columns);
  const ptrdiff_t columns = blocks.columns();
  Layout sizes;
  sizes.take<double>(a.columns);
  sizes.take<T>(columns * (1 + blocks.count()));
  const Buffer memory(sizes.size());
  Layout layout(memory.bytes());
  double* sums = layout.take<double>(a.columns);
  T* slopes = layout.take<T>(columns * (1 + blocks.count()));
  T* parts = slopes + columns;
  blocks.spread(a.alpha, slopes);
  const Vec<T> zero = set1(T(0));
  blocks.share(2 * kWork, [&](ptrdiff_t block, ptrdiff_t offset, ptrdiff_t rows, ptrdiff_t width) {
    T* part = parts + block * columns;
    for_each_tile<T>(width, [&](auto tile) {
      Vec<T> sum[tile.count] = {};
      for (ptrdiff_t r = 0; r < rows; ++r) {
        const ptrdiff_t at = offset + r * width;
        for (int i = 0; i < tile.count; ++i) {
          const Vec<T> x = tile[i].get(a.x + at), dy = tile[i].get(a.dy + at);
          const IVec<T> above = x > zero;
          tile[i].put(a.dx + at, select<T>(above, dy, dy * tile[i].get(slopes)));
          sum[i] += select<T>(above, zero, dy * x);
        }
      }
      for (int i = 0; i < tile.count; ++i) tile[i].put(part, sum[i]);
    });
  });
  for (ptrdiff_t c = 0; c < a.columns; ++c) sums[c] = 0;
  blocks.merge(parts, 1, [&](ptrdiff_t, const T* part) {
    for (ptrdiff_t c = 0; c < a.columns; ++c) sums[c] += static_cast<double>(part[c]);
  });
  for (ptrdiff_t c = 0; c < a.columns; ++c) a.dalpha[c] = static_cast<T>(sums[c]);
}

template <class T>
constexpr RectifierFunctions<T> kFunctions = {relu_values<T>, relu_gradient<T>, prelu_values<T>,
                                              prelu_gradient<T>};

}  // namespace

const RectifierTable* rectifier_table() {
  static constexpr RectifierTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
