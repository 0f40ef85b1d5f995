// Pooling: pooling.h says what each kind does. Channels lie in registers; a window's pixels are
// loads at its row's strides.
#include "pooling.h"

#include "cpu/tiles.h"

FASTRNN_ISA_BEGIN
namespace {

struct Range {
  ptrdiff_t begin, end;
  ptrdiff_t size() const { return end - begin; }
};

// The pixels of output `o` along an axis, less the padding.
FASTRNN_INLINE Range window_of(const PoolShape& s, int axis, ptrdiff_t o) {
  const ptrdiff_t begin = o * s.stride[axis] - s.before[axis], end = begin + s.window[axis];
  return {begin > 0 ? begin : 0, end < s.in[axis] ? end : s.in[axis]};
}

// The outputs along an axis whose windows reach into the pixels [begin, end).
FASTRNN_INLINE Range outputs_of(const PoolShape& s, int axis, ptrdiff_t begin, ptrdiff_t end) {
  const ptrdiff_t missed = begin + s.before[axis] - s.window[axis];
  const ptrdiff_t last = (end - 1 + s.before[axis]) / s.stride[axis] + 1;
  return {missed < 0 ? 0 : missed / s.stride[axis] + 1, last < s.out[axis] ? last : s.out[axis]};
}

// A box of pixels of one image.
struct Box {
  Range d, h, w;
  ptrdiff_t count() const { return d.size() * h.size() * w.size(); }
};

// Elements from one pixel, row and plane of an image to the next, and from one image to the next.
struct Strides {
  ptrdiff_t pixel, row, plane, image;
  Strides(const int (&sizes)[3], int channels)
      : pixel(channels), row(pixel * sizes[2]), plane(row * sizes[1]), image(plane * sizes[0]) {}
  ptrdiff_t at(ptrdiff_t d, ptrdiff_t h, ptrdiff_t w) const {
    return d * plane + h * row + w * pixel;
  }
};

// body(offset) over the pixels of a box in memory order.
template <class Body>
FASTRNN_INLINE void for_each_pixel(const Box& box, const Strides& strides, const Body& body) {
  for (ptrdiff_t d = box.d.begin; d < box.d.end; ++d) {
    for (ptrdiff_t h = box.h.begin; h < box.h.end; ++h) {
      const ptrdiff_t first = strides.at(d, h, box.w.begin);
      const ptrdiff_t end = first + box.w.size() * strides.pixel;
      for (ptrdiff_t offset = first; offset < end; offset += strides.pixel) body(offset);
    }
  }
}

template <class T>
FASTRNN_INLINE void max_of(const Box& box, const Strides& strides, const T* image, T* y) {
  const T* first = image + strides.at(box.d.begin, box.h.begin, box.w.begin);
  for_each_tile<T>(strides.pixel, [&](auto tile) {
    Vec<T> top[tile.count];
    for (int i = 0; i < tile.count; ++i) top[i] = tile[i].get(first);
    for_each_pixel(box, strides, [&](ptrdiff_t offset) {
      for (int i = 0; i < tile.count; ++i) {
        const Vec<T> v = tile[i].get(image + offset);
        top[i] = select<T>((v > top[i]) | (v != v), v, top[i]);
      }
    });
    for (int i = 0; i < tile.count; ++i) tile[i].put(y, top[i]);
  });
}

// The sum over a box by `divisor`. Sums of a few pixels are added up, not single pixels: the
// rounding errors of large windows stay small.
template <class T>
FASTRNN_INLINE void mean_of(const Box& box, const Strides& strides, const T* image, T divisor,
                            T* y) {
  constexpr ptrdiff_t kRun = 64;
  for_each_tile<T>(strides.pixel, [&](auto tile) {
    Vec<T> total[tile.count] = {};
    for (ptrdiff_t d = box.d.begin; d < box.d.end; ++d) {
      for (ptrdiff_t h = box.h.begin; h < box.h.end; ++h) {
        for (ptrdiff_t w = box.w.begin; w < box.w.end; w += kRun) {
          const ptrdiff_t left = box.w.end - w, run = left < kRun ? left : kRun;
          const T* p = image + strides.at(d, h, w);
          Vec<T> sum[tile.count] = {};
          for (ptrdiff_t k = 0; k < run; ++k, p += strides.pixel) {
            for (int i = 0; i < tile.count; ++i) sum[i] += tile[i].get(p);
          }
          for (int i = 0; i < tile.count; ++i) total[i] += sum[i];
        }
      }
    }
    for (int i = 0; i < tile.count; ++i) tile[i].put(y, total[i] / set1(divisor));
  });
}

double window_work(const PoolShape& s) {
  return 2.0 * s.window[0] * s.window[1] * s.window[2] * (s.channels + 8);
}

template <class T>
void forward(const PoolForward<T>& a) {
  const PoolShape& s = a.shape;
  const Strides strides(s.in, s.channels);
  const ptrdiff_t rows = static_cast<ptrdiff_t>(s.batch) * s.out[0] * s.out[1];
  share_items(rows, 1, s.out[2] * window_work(s), [&](ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t r = begin; r < end; ++r) {
      const ptrdiff_t plane = r / s.out[1], n = plane / s.out[0];
      const T* image = a.x + n * strides.image;
      Box box = {window_of(s, 0, plane - n * s.out[0]), window_of(s, 1, r - plane * s.out[1]), {}};
      T* y = a.y + r * s.out[2] * s.channels;
      for (ptrdiff_t o = 0; o < s.out[2]; ++o, y += s.channels) {
        box.w = window_of(s, 2, o);
        if (a.kind == PoolKind::kMax) {
          max_of(box, strides, image, y);
        } else {
          const bool mean = a.kind == PoolKind::kMean;
          mean_of(box, strides, image, mean ? static_cast<T>(box.count()) : T(1), y);
        }
      }
    }
  });
}

// Adds the gradient of one output to dx where its first maximum lies, if that is in `band`.
template <class T>
FASTRNN_INLINE void give_to_maximum(const Box& box, const Strides& strides, const Range& band,
                                    const T* dy, const T* image, const T* y, T* dx) {
  const Vec<T> zero = set1(T(0));
  for_each_tile<T>(strides.pixel, [&](auto tile) {
    Vec<T> gradient[tile.count], top[tile.count];
    for (int i = 0; i < tile.count; ++i) {
      gradient[i] = tile[i].get(dy);
      top[i] = tile[i].get(y);
    }
    for_each_pixel(box, strides, [&](ptrdiff_t offset) {
      const bool inside = offset >= band.begin && offset < band.end;
      for (int i = 0; i < tile.count; ++i) {
        const Vec<T> v = tile[i].get(image + offset);
        const IVec<T> hit = (v == top[i]) | (v != v);
        if (inside) {
          tile[i].put(dx + offset, tile[i].get(dx + offset) + select<T>(hit, gradient[i], zero));
        }
        gradient[i] = select<T>(hit, zero, gradient[i]);
      }
    });
  });
}

// Whether every pixel is in one window at most: such are divided by windows, and written once.
bool apart(const PoolShape& s) {
  for (int i = 0; i < 3; ++i) {
    if (s.stride[i] != s.window[i] || s.before[i] != 0) return false;
  }
  return true;
}

template <class T>
void max_backward_apart(const PoolBackward<T>& a) {
  const PoolShape& s = a.shape;
  const Strides in(s.in, s.channels);
  const Vec<T> zero = set1(T(0));
  const ptrdiff_t rows = static_cast<ptrdiff_t>(s.batch) * s.out[0] * s.out[1];
  share_items(rows, 1, s.out[2] * window_work(s), [&](ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t r = begin; r < end; ++r) {
      const ptrdiff_t plane = r / s.out[1], n = plane / s.out[0];
      const ptrdiff_t o[2] = {plane - n * s.out[0], r - plane * s.out[1]};
      const T* image = a.x + n * in.image;
      T* dx = a.dx + n * in.image;
      Box box = {window_of(s, 0, o[0]), window_of(s, 1, o[1]), {}};
      // The last window along an axis clears what lies behind it, too.
      Range owned[2] = {box.d, box.h};
      for (int i = 0; i < 2; ++i) {
        if (o[i] == s.out[i] - 1) owned[i].end = s.in[i];
      }
      for (ptrdiff_t d = owned[0].begin; d < owned[0].end; ++d) {
        for (ptrdiff_t h = owned[1].begin; h < owned[1].end; ++h) {
          const bool covered = d < box.d.end && h < box.h.end;
          const ptrdiff_t w = covered ? static_cast<ptrdiff_t>(s.out[2]) * s.stride[2] : 0;
          if (w >= s.in[2]) continue;
          for_each_slice<T>(in.at(d, h, w), in.at(d, h, s.in[2]),
                            [&](auto slice) { slice.put(dx, zero); });
        }
      }
      ptrdiff_t at = r * s.out[2] * s.channels;
      for (ptrdiff_t w = 0; w < s.out[2]; ++w, at += s.channels) {
        box.w = window_of(s, 2, w);
        for_each_tile<T>(s.channels, [&](auto tile) {
          Vec<T> gradient[tile.count], top[tile.count];
          for (int i = 0; i < tile.count; ++i) {
            gradient[i] = tile[i].get(a.dy + at);
            top[i] = tile[i].get(a.y + at);
          }
          for_each_pixel(box, in, [&](ptrdiff_t offset) {
            for (int i = 0; i < tile.count; ++i) {
              const Vec<T> v = tile[i].get(image + offset);
              const IVec<T> hit = (v == top[i]) | (v != v);
              tile[i].put(dx + offset, select<T>(hit, gradient[i], zero));
              gradient[i] = select<T>(hit, zero, gradient[i]);
            }
          });
        });
      }
    }
  });
}

// A member owns a band of dx and walks over all windows that reach into it: where windows overlap,
// every pixel gathers its gradients in the order of the outputs.
template <class T>
void max_backward(const PoolBackward<T>& a) {
  const PoolShape& s = a.shape;
  const Strides in(s.in, s.channels), out(s.out, s.channels);
  const int axis = s.in[0] > 1 ? 0 : s.in[1] > 1 ? 1 : 2;  // its bands are contiguous
  const ptrdiff_t slab = axis == 0 ? in.plane : axis == 1 ? in.row : in.pixel;
  // Short enough for the cache, long against the windows that cross a border.
  constexpr ptrdiff_t kBandBytes = 128 << 10;
  ptrdiff_t length = kBandBytes / static_cast<ptrdiff_t>(sizeof(T)) / slab;
  if (length < 4 * static_cast<ptrdiff_t>(s.window[axis])) length = 4 * s.window[axis];
  if (length > s.in[axis]) length = s.in[axis];
  const ptrdiff_t bands = (s.in[axis] + length - 1) / length;
  const double work = 4.0 * static_cast<double>(in.image) / static_cast<double>(bands);
  share_items(s.batch * bands, 1, work, [&](ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t item = begin; item < end; ++item) {
      const ptrdiff_t n = item / bands, first = (item - n * bands) * length;
      const ptrdiff_t last = first + length < s.in[axis] ? first + length : s.in[axis];
      const Range band = {first * slab, last * slab};
      Range o[3];
      for (int k = 0; k < 3; ++k) {
        o[k] = k == axis ? outputs_of(s, k, first, last) : Range{0, s.out[k]};
      }
      T* dx = a.dx + n * in.image;
      for_each_slice<T>(band.begin, band.end, [&](auto slice) { slice.put(dx, set1(T(0))); });
      for (ptrdiff_t d = o[0].begin; d < o[0].end; ++d) {
        for (ptrdiff_t h = o[1].begin; h < o[1].end; ++h) {
          for (ptrdiff_t w = o[2].begin; w < o[2].end; ++w) {
            const Box box = {window_of(s, 0, d), window_of(s, 1, h), window_of(s, 2, w)};
            const ptrdiff_t at = n * out.image + out.at(d, h, w);
            give_to_maximum(box, in, band, a.dy + at, a.x + n * in.image, a.y + at, dx);
          }
        }
      }
    }
  });
}

// Every pixel of dx gathers from the outputs that hold it.
template <class T>
void mean_backward(const PoolBackward<T>& a) {
  const PoolShape& s = a.shape;
  const Strides out(s.out, s.channels);
  const ptrdiff_t rows = static_cast<ptrdiff_t>(s.batch) * s.in[0] * s.in[1];
  share_items(rows, 1, 2.0 * s.in[2] * (s.channels + 8), [&](ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t r = begin; r < end; ++r) {
      const ptrdiff_t plane = r / s.in[1], n = plane / s.in[0];
      const ptrdiff_t pixel_d = plane - n * s.in[0], pixel_h = r - plane * s.in[1];
      const Range outputs_d = outputs_of(s, 0, pixel_d, pixel_d + 1);
      const Range outputs_h = outputs_of(s, 1, pixel_h, pixel_h + 1);
      const T* dy = a.dy + n * out.image;
      T* dx = a.dx + r * s.in[2] * s.channels;
      for (ptrdiff_t pixel_w = 0; pixel_w < s.in[2]; ++pixel_w, dx += s.channels) {
        const Range outputs_w = outputs_of(s, 2, pixel_w, pixel_w + 1);
        for_each_tile<T>(s.channels, [&](auto tile) {
          Vec<T> sum[tile.count] = {};
          for (ptrdiff_t d = outputs_d.begin; d < outputs_d.end; ++d) {
            for (ptrdiff_t h = outputs_h.begin; h < outputs_h.end; ++h) {
              for (ptrdiff_t w = outputs_w.begin; w < outputs_w.end; ++w) {
                const T* p = dy + out.at(d, h, w);
                T share = T(1);
                if (a.kind == PoolKind::kMean) {
                  const Box box = {window_of(s, 0, d), window_of(s, 1, h), window_of(s, 2, w)};
                  share = T(1) / static_cast<T>(box.count());
                }
                for (int i = 0; i < tile.count; ++i) sum[i] += set1(share) * tile[i].get(p);
              }
            }
          }
          for (int i = 0; i < tile.count; ++i) tile[i].put(dx, sum[i]);
        });
      }
    }
  });
}

template <class T>
void backward(const PoolBackward<T>& a) {
  if (a.kind == PoolKind::kMax) {
    apart(a.shape) ? max_backward_apart(a) : max_backward(a);
  } else {
    mean_backward(a);
  }
}

template <class T>
constexpr PoolingFunctions<T> kFunctions = {forward<T>, backward<T>};

}  // namespace

const PoolingTable* pooling_table() {
  static constexpr PoolingTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
