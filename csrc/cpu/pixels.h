// Which pixels of a source a convolution reads for which pixel that it writes.
//
// A pass writes a grid of pixels; each is a product of some taps of the source with their weights.
// The forward convolution is one pass. Its input gradient has a pass for every remainder of a
// position by the stride: in each the taps that meet the position are an ordinary convolution.
#pragma once

#include "convolution.h"
#include "cpu/vec.h"

FASTRNN_ISA_BEGIN
namespace {

inline double work_of(const ConvShape& s) {
  double work = 2.0 * s.batch * s.channels / s.groups * s.filters;
  for (int i = 0; i < 3; ++i) work *= static_cast<double>(s.out[i]) * s.kernel[i];
  return work;
}

// One axis of a pass.
struct Axis {
  int grid;    // pixels written
  int step;    // source pixels from one of them to the next
  int origin;  // source pixel of the first tap of the first, negative in the zeros before it
  int taps;
  int spread;                     // source pixels from one tap to the next
  int kernel_first, kernel_step;  // the taps' places in the kernel
  int out_first, out_step;        // the grid's places in the output

  // Source pixels that `count` grid pixels in a row read.
  int reach(int count) const {
    return taps == 0 ? 0 : (count - 1) * step + (taps - 1) * spread + 1;
  }
  bool padded(int size) const { return taps > 0 && (origin < 0 || origin + reach(grid) > size); }
};

struct Pass {
  Axis axis[3];

  int taps() const { return axis[0].taps * axis[1].taps * axis[2].taps; }
  // Taps that lie next to each other in memory, all channels of each.
  int run() const { return axis[2].spread == 1 ? axis[2].taps : 1; }
  bool empty() const { return axis[0].grid < 1 || axis[1].grid < 1 || axis[2].grid < 1; }
  int kernel_index(int tap, const int* kernel) const {
    const int w = tap % axis[2].taps, h = tap / axis[2].taps % axis[1].taps;
    const int d = tap / axis[2].taps / axis[1].taps;
    return ((axis[0].kernel_first + d * axis[0].kernel_step) * kernel[1] + axis[1].kernel_first +
            h * axis[1].kernel_step) *
               kernel[2] +
           axis[2].kernel_first + w * axis[2].kernel_step;
  }
};

inline Pass forward_pass(const ConvShape& s) {
  Pass pass;
  for (int i = 0; i < 3; ++i) {
    pass.axis[i] = {s.out[i], s.stride[i], -s.before[i], s.kernel[i], s.dilation[i], 0, 1, 0, 1};
  }
  return pass;
}

// Of one axis of the input gradient, the positions whose remainder by the stride is `phase`.
// Position i = phase + stride j meets tap k at output (phase + before - k dilation) / stride + j.
inline Axis phase_axis(const ConvShape& s, int i, int phase) {
  const int stride = s.stride[i];
  Axis a{(s.in[i] - phase + stride - 1) / stride, 1, 0, 0, 1, 0, -1, phase, stride};
  int last = -1;
  for (int k = s.kernel[i] - 1; k >= 0; --k) {
    const int at = phase + s.before[i] - k * s.dilation[i];
    if (at % stride != 0) continue;
    if (a.taps == 0) {
      a.origin = at / stride;
      a.kernel_first = k;
    } else if (a.taps == 1) {
      a.spread = at / stride - a.origin;
      a.kernel_step = k - last;
    }
    last = k;
    ++a.taps;
  }
  return a;
}

// Remainders that some position has: no more than there are positions.
inline int phases(const ConvShape& s, int i) {
  return s.stride[i] < s.in[i] ? s.stride[i] : s.in[i];
}

inline long phase_count(const ConvShape& s) {
  return static_cast<long>(phases(s, 0)) * phases(s, 1) * phases(s, 2);
}

inline Pass input_pass(const ConvShape& s, long phase) {
  const int w = static_cast<int>(phase % phases(s, 2));
  const int h = static_cast<int>(phase / phases(s, 2) % phases(s, 1));
  const int d = static_cast<int>(phase / phases(s, 2) / phases(s, 1));
  return {{phase_axis(s, 0, d), phase_axis(s, 1, h), phase_axis(s, 2, w)}};
}

// Pixels that are done together: whole images, or planes, rows or a part of the only row of one.
struct Band {
  int image, images;
  int plane, planes;
  int row, rows;
  int column, columns;

  int pixels() const { return images * planes * rows * columns; }
};

// Cuts a pass into bands of about `target` pixels; of rows only a long sequence is divided.
class Bands {
 public:
  Bands(const Pass& pass, int batch, int target)
      : batch_(batch),
        planes_(pass.axis[0].grid),
        rows_(pass.axis[1].grid),
        width_(pass.axis[2].grid) {
    const long width = width_, plane = width * rows_, image = plane * planes_;
    most_ = {0, 1, 0, 1, 0, 1, 0, width_};
    if (image < target) {
      most_.images = clamp(target / image, batch);
      most_.planes = planes_;
      most_.rows = rows_;
    } else if (plane < target) {
      most_.planes = clamp(target / plane, planes_);
      most_.rows = rows_;
    } else if (image > width || width < 4L * target) {
      most_.rows = clamp(target / width, rows_);
    } else {
      most_.columns = target;
    }
    column_bands_ = (width_ + most_.columns - 1) / most_.columns;
    row_bands_ = (rows_ + most_.rows - 1) / most_.rows;
    plane_bands_ = (planes_ + most_.planes - 1) / most_.planes;
    count_ = (batch + most_.images - 1) / most_.images * plane_bands_ * row_bands_ * column_bands_;
  }

  int count() const { return count_; }
  const Band& most() const { return most_; }  // the sizes of a full one
  int pixels() const { return most_.pixels(); }

  Band operator[](int i) const {
    Band b = most_;
    b.column = i % column_bands_ * most_.columns;
    i /= column_bands_;
    b.row = i % row_bands_ * most_.rows;
    b.plane = i / row_bands_ % plane_bands_ * most_.planes;
    b.image = i / row_bands_ / plane_bands_ * most_.images;
    b.rows = b.row + b.rows < rows_ ? b.rows : rows_ - b.row;
    b.planes = b.plane + b.planes < planes_ ? b.planes : planes_ - b.plane;
    b.images = b.image + b.images < batch_ ? b.images : batch_ - b.image;
    b.columns = b.column + b.columns < width_ ? b.columns : width_ - b.column;
    return b;
  }

 private:
  static int clamp(long value, int most) {
    return value < 1 ? 1 : value < most ? static_cast<int>(value) : most;
  }

  int batch_, planes_, rows_, width_;
  Band most_;
  int column_bands_, row_bands_, plane_bands_, count_;
};

// The source of a pass as a band sees it: where the image lies, or, where the pass reads outside of
// it, a copy of the band's part with zeros around.
template <class T>
class Source {
 public:
  // repeat: how often each channel stands in the copy (depthwise with several filters a channel).
  // in_place: nothing outside of the image will be read.
  Source(const T* data, const int* size, int channels, int repeat, const Pass& pass,
         const Bands& bands, bool in_place = false)
      : data_(data),
        size_(size),
        pass_(pass),
        most_(bands.most()),
        channels_(channels),
        repeat_(repeat),
        copies_(repeat > 1) {
    const int count[3] = {most_.planes, most_.rows, most_.columns};
    for (int i = 0; i < 3; ++i) {
      copies_ = copies_ || (!in_place && pass.axis[i].padded(size[i]));
      reach_[i] = pass.axis[i].reach(count[i]);
    }
    for (int i = 0; i < 3; ++i) extent_[i] = copies_ ? reach_[i] : size[i];
    pitch_[2] = static_cast<ptrdiff_t>(channels) * repeat;
    pitch_[1] = pitch_[2] * extent_[2];
    pitch_[0] = pitch_[1] * extent_[1];
    image_ = pitch_[0] * extent_[0];
    data_image_ = image_size();
  }

  // Elements of an image where it lies.
  ptrdiff_t image_size() const {
    return static_cast<ptrdiff_t>(size_[0]) * size_[1] * size_[2] * channels_;
  }

  // The same of other images, `image` elements apart.
  Source moved(const T* data, ptrdiff_t image) const {
    Source other = *this;
    other.data_ = data;
    other.data_image_ = image;
    if (!copies_) other.image_ = image;
    return other;
  }

  // Elements of the copy, with room for a vector read behind its end.
  size_t copy_size() const {
    return copies_ ? static_cast<size_t>(image_) * most_.images + kLanes<T> : 0;
  }

  // Rows of the copy to fill(), each on its own.
  int copied_rows(const Band& b) const { return copies_ ? b.images * extent_[0] * extent_[1] : 0; }

  void fill(const Band& b, int row, T* copy) const {
    const int image = row / (extent_[0] * extent_[1]);
    const int d =
        pass_.axis[0].origin + b.plane * pass_.axis[0].step + row / extent_[1] % extent_[0];
    const int h = pass_.axis[1].origin + b.row * pass_.axis[1].step + row % extent_[1];
    T* to = copy + image * image_ + row / extent_[1] % extent_[0] * pitch_[0] +
            row % extent_[1] * pitch_[1];
    const int first = pass_.axis[2].origin + b.column * pass_.axis[2].step, count = extent_[2];
    int left = first < 0 ? -first : 0, right = size_[2] - first;
    if (d < 0 || d >= size_[0] || h < 0 || h >= size_[1]) right = 0;
    right = right < 0 ? 0 : right < count ? right : count;
    left = left < right ? left : right;
    const T* from =
        data_ + (b.image + image) * data_image_ +
        ((static_cast<ptrdiff_t>(d) * size_[1] + h) * size_[2] + first + left) * channels_;
    __builtin_memset(to, 0, sizeof(T) * left * pitch_[2]);
    if (repeat_ == 1) {
      __builtin_memcpy(to + left * pitch_[2], from, sizeof(T) * (right - left) * pitch_[2]);
    } else {
      T* at = to + left * pitch_[2];
      for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(right - left) * channels_; ++i) {
        for (int j = 0; j < repeat_; ++j) *at++ = from[i];
      }
    }
    __builtin_memset(to + right * pitch_[2], 0, sizeof(T) * (count - right) * pitch_[2]);
  }

  // Where the band's first pixel's first tap lies.
  const T* base(const Band& b, const T* copy) const {
    if (copies_) return copy;
    return data_ + b.image * image_ + at(0, b.plane) + at(1, b.row) + at(2, b.column);
  }

  // Elements from the band's first pixel to the one at (image, plane, row, column) of it.
  ptrdiff_t pixel(int image, int plane, int row, int column) const {
    return image * image_ + static_cast<ptrdiff_t>(plane) * pass_.axis[0].step * pitch_[0] +
           static_cast<ptrdiff_t>(row) * pass_.axis[1].step * pitch_[1] +
           static_cast<ptrdiff_t>(column) * pass_.axis[2].step * pitch_[2];
  }

  // Elements from a pixel's first tap to another one.
  ptrdiff_t tap(int i) const {
    const Axis* a = pass_.axis;
    const int w = i % a[2].taps, h = i / a[2].taps % a[1].taps, d = i / a[2].taps / a[1].taps;
    return static_cast<ptrdiff_t>(d) * a[0].spread * pitch_[0] +
           static_cast<ptrdiff_t>(h) * a[1].spread * pitch_[1] +
           static_cast<ptrdiff_t>(w) * a[2].spread * pitch_[2];
  }

 private:
  ptrdiff_t at(int axis, int index) const {
    const Axis& a = pass_.axis[axis];
    return static_cast<ptrdiff_t>(a.origin + index * a.step) * pitch_[axis];
  }

  const T* data_;
  const int* size_;
  const Pass& pass_;
  Band most_;
  int channels_, repeat_;
  bool copies_;
  int reach_[3], extent_[3];
  ptrdiff_t pitch_[3], image_;
  ptrdiff_t data_image_;  // elements from one image to the next, before any copy
};

// visit(pixel of the band, elements from the band's first source pixel, row of the output array)
// out_image: rows from one image of the output to the next, where that is not its size.
template <class T, class Visit>
inline void for_each_pixel(const Band& b, const Pass& pass, const Source<T>& source,
                           const int* out_size, const Visit& visit, ptrdiff_t out_image = 0) {
  const Axis* a = pass.axis;
  if (out_image == 0) {
    out_image = static_cast<ptrdiff_t>(out_size[0]) * out_size[1] * out_size[2];
  }
  int p = 0;
  for (int n = 0; n < b.images; ++n) {
    for (int d = 0; d < b.planes; ++d) {
      for (int h = 0; h < b.rows; ++h) {
        const ptrdiff_t out_d = a[0].out_first + (b.plane + d) * a[0].out_step;
        const ptrdiff_t out_h = a[1].out_first + (b.row + h) * a[1].out_step;
        const ptrdiff_t row =
            (b.image + n) * out_image + (out_d * out_size[1] + out_h) * out_size[2];
        for (int w = 0; w < b.columns; ++w) {
          visit(p++, source.pixel(n, d, h, w),
                row + a[2].out_first + static_cast<ptrdiff_t>(b.column + w) * a[2].out_step);
        }
      }
    }
  }
}

}  // namespace
FASTRNN_ISA_END
