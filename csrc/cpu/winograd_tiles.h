// What Winograd's product and its kernel gradient share: tiles of 2x2 outputs, and the 4x4 pixels
// of the source that each reads, in the transformed domain. Names as in the paper; see winograd.h.
#pragma once

#include "cpu/vec.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr int kOut = 2;        // outputs of a tile along an axis
constexpr int kIn = kOut + 2;  // and pixels that they read
constexpr int kPoints = kIn * kIn;
constexpr int kTaps = 9;

template <class T>
class Tiles {
 public:
  struct Place {
    ptrdiff_t image;
    int row, column;    // of the first output
    int height, width;  // outputs inside of the image
  };

  // source (batch, size..., channels), with `before` zeros in front of its rows and columns.
  Tiles(const T* source, int batch, const int* size, int channels, const int* before,
        const int* out)
      : source_(source),
        channels_(channels),
        row_((channels + kLanes<T> - 1) / kLanes<T> * kLanes<T>) {
    for (int i = 0; i < 2; ++i) {
      before_[i] = before[i];
      size_[i] = size[i];
      out_[i] = out[i];
      grid_[i] = (out_[i] + kOut - 1) / kOut;
    }
    count_ = static_cast<ptrdiff_t>(batch) * grid_[0] * grid_[1];
  }

  ptrdiff_t count() const { return count_; }
  int row() const { return row_; }  // channels, rounded up to whole vectors

  Place place(ptrdiff_t tile) const {
    const ptrdiff_t line = tile / grid_[1];
    Place at{line / grid_[0], static_cast<int>(line % grid_[0]) * kOut,
             static_cast<int>(tile % grid_[1]) * kOut, kOut, kOut};
    if (out_[0] - at.row < kOut) at.height = 1;
    if (out_[1] - at.column < kOut) at.width = 1;
    return at;
  }

  // Output pixels in front of the one at (h, w) of a tile.
  ptrdiff_t pixel(const Place& at, int h, int w) const {
    return (at.image * out_[0] + at.row + h) * out_[1] + at.column + w;
  }

  // V = Bᵀ d B: row() values for each point, `step` apart. zeros: row() of them.
  void transform(const Place& at, const T* zeros, T* to, ptrdiff_t step) const {
    const T* pixels[kPoints];
    const int top = at.row - before_[0], left = at.column - before_[1];
    const T* image = source_ + at.image * size_[0] * size_[1] * channels_;
    for (int i = 0; i < kPoints; ++i) {
      const int h = top + i / kIn, w = left + i % kIn;
      const bool inside = h >= 0 && h < size_[0] && w >= 0 && w < size_[1];
      pixels[i] = inside ? image + (static_cast<ptrdiff_t>(h) * size_[1] + w) * channels_ : zeros;
    }
    int c = 0;
    for (; c + kLanes<T> <= channels_; c += kLanes<T>) {
      transform([&](int i) { return load(pixels[i] + c); }, to + c, step);
    }
    if (c < channels_) {
      transform([&](int i) { return load_n(pixels[i] + c, channels_ - c); }, to + c, step);
    }
  }

 private:
  template <class Pixel>
  static FASTRNN_INLINE void transform(const Pixel& pixel, T* to, ptrdiff_t step) {
    Vec<T> rows[kIn][kIn];  // Bᵀ d
    for (int j = 0; j < kIn; ++j) {
      const Vec<T> a = pixel(j), b = pixel(kIn + j), c = pixel(2 * kIn + j), d = pixel(3 * kIn + j);
      rows[0][j] = a - c;
      rows[1][j] = b + c;
      rows[2][j] = c - b;
      rows[3][j] = b - d;
    }
    for (int j = 0; j < kIn; ++j) {
      const Vec<T>* r = rows[j];
      T* out = to + j * kIn * step;
      store(out, r[0] - r[2]);
      store(out + step, r[1] + r[2]);
      store(out + 2 * step, r[2] - r[1]);
      store(out + 3 * step, r[1] - r[3]);
    }
  }

  const T* source_;
  int channels_, row_;
  int before_[2], size_[2], out_[2], grid_[2];
  ptrdiff_t count_;
};

}  // namespace
FASTRNN_ISA_END
