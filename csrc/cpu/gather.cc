// Embedding and linear interpolation: gather.h says what each does.
#include "gather.h"

#include "cpu/buffer.h"
#include "cpu/tiles.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T>
void embedding_rows(const Embedding<T>& a) {
  share_items(a.count, 1 + 2048 / a.width, static_cast<double>(a.width + 8),
              [&](ptrdiff_t begin, ptrdiff_t end) {
                for (ptrdiff_t i = begin; i < end; ++i) {
                  const T* from = a.table + a.ids[i] * a.width;
                  T* to = a.out + i * a.width;
                  for_each_slice<T>(0, a.width, [&](auto s) { s.put(to, s.get(from)); });
                }
              });
}

// The places of every id, by a counting sort that keeps their order; then each row of the table is
// one member's sum.
template <class T>
void embedding_table(const EmbeddingBackward<T>& a) {
  Layout sizes;
  sizes.take<ptrdiff_t>(a.rows + 1);
  sizes.take<ptrdiff_t>(a.count);
  const Buffer memory(sizes.size());
  Layout layout(memory.bytes());
  ptrdiff_t* ends = layout.take<ptrdiff_t>(a.rows + 1);
  ptrdiff_t* places = layout.take<ptrdiff_t>(a.count);
  for (ptrdiff_t r = 0; r <= a.rows; ++r) ends[r] = 0;
  for (ptrdiff_t i = 0; i < a.count; ++i) ++ends[a.ids[i] + 1];
  for (ptrdiff_t r = 0; r < a.rows; ++r) ends[r + 1] += ends[r];
  // ends[r] is where the places of r begin; filling them in moves it to where they end.
  for (ptrdiff_t i = 0; i < a.count; ++i) places[ends[a.ids[i]]++] = i;

  const double mean = static_cast<double>(a.count) / static_cast<double>(a.rows);
  share_items(a.rows, 1 + 2048 / a.width, (mean + 1) * static_cast<double>(a.width + 8),
              [&](ptrdiff_t begin, ptrdiff_t end) {
                for (ptrdiff_t r = begin; r < end; ++r) {
                  const ptrdiff_t first = r ? ends[r - 1] : 0;
                  for_each_tile<T>(a.width, [&](auto tile) {
                    Vec<T> sum[tile.count] = {};
                    for (ptrdiff_t k = first; k < ends[r]; ++k) {
                      const T* dy = a.dy + places[k] * a.width;
                      for (int i = 0; i < tile.count; ++i) sum[i] += tile[i].get(dy);
                    }
                    T* out = a.dtable + r * a.width;
                    for (int i = 0; i < tile.count; ++i) tile[i].put(out, sum[i]);
                  });
                }
              });
}

template <class T>
void interpolate_forward(const Interpolation<T>& a) {
  share_items(a.outer * a.out, 1 + 2048 / a.inner, 4 * static_cast<double>(a.inner + 8),
              [&](ptrdiff_t begin, ptrdiff_t end) {
                for (ptrdiff_t item = begin; item < end; ++item) {
                  const ptrdiff_t n = item / a.out, o = item - n * a.out;
                  const T* low = a.x + (n * a.in + a.low[o]) * a.inner;
                  const T* high = low + a.inner;
                  const Vec<T> weight = set1(static_cast<T>(a.weight[o]));
                  const Vec<T> rest = set1(static_cast<T>(1 - a.weight[o]));
                  T* y = a.y + item * a.inner;
                  if (a.weight[o] == 0) {  // there may be no pixel after it, or an infinite one
                    for_each_slice<T>(0, a.inner, [&](auto s) { s.put(y, s.get(low)); });
                    continue;
                  }
                  for_each_slice<T>(0, a.inner, [&](auto s) {
                    s.put(y, rest * s.get(low) + weight * s.get(high));
                  });
                }
              });
}

// Every pixel of dx gathers from the outputs that read it, in their order: those that lie between
// the pixel before it and itself, then those between itself and the next.
template <class T>
void interpolate_gradient(const Interpolation<T>& a) {
  // The outputs with low = i are [starts[i], starts[i + 1]).
  const Buffer memory(static_cast<size_t>(a.in + 1) * sizeof(ptrdiff_t));
  ptrdiff_t* starts = reinterpret_cast<ptrdiff_t*>(memory.bytes());
  for (ptrdiff_t i = 0, o = 0; i <= a.in; ++i) {
    while (o < a.out && a.low[o] < i) ++o;
    starts[i] = o;
  }
  const double reads = 2 * static_cast<double>(a.out) / static_cast<double>(a.in);
  share_items(a.outer * a.in, 1 + 2048 / a.inner, 4 * reads * static_cast<double>(a.inner + 8),
              [&](ptrdiff_t begin, ptrdiff_t end) {
                for (ptrdiff_t item = begin; item < end; ++item) {
                  const ptrdiff_t n = item / a.in, i = item - n * a.in;
                  const ptrdiff_t first = starts[i ? i - 1 : 0];
                  const T* dy = a.x + n * a.out * a.inner;
                  T* dx = a.y + item * a.inner;
                  for_each_tile<T>(a.inner, [&](auto tile) {
                    Vec<T> sum[tile.count] = {};
                    for (ptrdiff_t o = first; o < starts[i + 1]; ++o) {
                      const double share = a.low[o] < i ? a.weight[o] : 1 - a.weight[o];
                      const Vec<T> weight = set1(static_cast<T>(share));
                      for (int k = 0; k < tile.count; ++k) {
                        sum[k] += weight * tile[k].get(dy + o * a.inner);
                      }
                    }
                    for (int k = 0; k < tile.count; ++k) tile[k].put(dx, sum[k]);
                  });
                }
              });
}

template <class T>
constexpr GatherFunctions<T> kFunctions = {embedding_rows<T>, embedding_table<T>,
                                           interpolate_forward<T>, interpolate_gradient<T>};

}  // namespace

const GatherTable* gather_table() {
  static constexpr GatherTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
