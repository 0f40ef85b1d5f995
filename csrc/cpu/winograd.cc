// See winograd.h. Names as in the paper: U, V and M are the kernel, the source and the sums in the
// transformed domain, 16 matrices each; M = V U, output = Aᵀ M A.
#include "cpu/winograd.h"

#include "cells/activations.h"
#include "cpu/boxes.h"
#include "cpu/buffer.h"
#include "cpu/panels.h"
#include "cpu/parallel.h"
#include "cpu/strip.h"
#include "cpu/winograd_tiles.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T>
class Winograd {
 public:
  Winograd(const Images<T>& images, const int* before, const T* kernel, bool transpose)
      : images_(images),
        kernel_(kernel),
        transpose_(transpose),
        depth_(images.source_channels),
        tiles_(images.source, images.batch, images.source_size + 1, depth_, before,
               images.out_size + 1),
        panels_(images.out_channels, 1) {
    // V stays in the second-level cache while the panels of U pass by.
    const int most = static_cast<int>(kBlockBytes / (sizeof(T) * kPoints * tiles_.row()));
    block_ = (most < kFewestTiles ? kFewestTiles
              : most < kMostTiles ? most
                                  : kMostTiles) /
             kMaxRows * kMaxRows;
    if (block_ > tiles_.count()) block_ = static_cast<int>(tiles_.count());
    blocks_ = static_cast<int>((tiles_.count() + block_ - 1) / block_);
    // One line more than the rows take: 16 matrices at a power of two would share few cache sets.
    source_point_ = static_cast<ptrdiff_t>(block_) * tiles_.row() + kLanes<T>;
    sum_point_ = static_cast<ptrdiff_t>(block_) * kPanelLanes<T> + kLanes<T>;
  }
  Winograd(const Winograd&) = delete;
  Winograd& operator=(const Winograd&) = delete;

  void run(int threads) {
    Layout measure;
    lay_out(measure, threads);
    const Buffer memory(measure.size());
    Layout layout(memory.bytes());
    lay_out(layout, threads);
    __builtin_memset(zeros_, 0, sizeof(T) * tiles_.row());
    auto body = [this](const Team& team) {
      const int cuts = (depth_ + kDepthCut - 1) / kDepthCut;
      team.each(panels_.count() * cuts, [&](int i) {
        transform_kernel(i / cuts, i % cuts * kDepthCut, members_[team.rank()].taps);
      });
      team.barrier();
      const int wanted = team.size() == 1 ? 1 : 4 * team.size();
      int parts = (wanted + blocks_ - 1) / blocks_;
      parts = parts < panels_.count() ? parts : panels_.count();
      team.each(blocks_ * parts, [&](int i) {
        const int part = i % parts;
        run_block(i / parts, panels_.count() * part / parts, panels_.count() * (part + 1) / parts,
                  members_[team.rank()]);
      });
    };
    run_team(threads, body);
  }

 private:
  static constexpr size_t kBlockBytes = size_t{1} << 18;
  static constexpr int kFewestTiles = 24, kMostTiles = 48;
  static constexpr int kDepthCut = 32;

  // One thread's own memory.
  struct Member {
    T* taps;         // the kernel's 9 matrices, a panel and some rows of each
    T* source;       // V [point][tile][channel]
    T* sums;         // M [point][tile][lanes]
    const T** rows;  // where the rows of V begin
    T** sum_rows;    // and those of M
  };

  void lay_out(Layout& layout, int team) {
    kernel_points_ = layout.take<T>(panels_.count() * kPoints * kernel_step(kPanelVecs));
    zeros_ = layout.take<T>(tiles_.row());
    members_ = layout.take<Member>(team);
    for (int i = 0; i < team; ++i) {
      Member m;
      m.taps = layout.take<T>(static_cast<size_t>(kTaps) * kDepthCut * kPanelLanes<T>);
      m.source = layout.take<T>(kPoints * source_point_);
      m.sums = layout.take<T>(kPoints * sum_point_);
      m.rows = layout.take<const T*>(kPoints * block_);
      m.sum_rows = layout.take<T*>(kPoints * block_);
      if (!members_) continue;
      members_[i] = m;
      for (int p = 0; p < kPoints * block_; ++p) {
        const int point = p / block_, tile = p % block_;
        m.rows[p] = m.source + point * source_point_ + tile * tiles_.row();
        m.sum_rows[p] = m.sums + point * sum_point_ + tile * kPanelLanes<T>;
      }
    }
  }

  // U of a panel [point][channel][lanes].
  T* kernel_point(int p, int point) const {
    return kernel_points_ + p * kPoints * kernel_step(kPanelVecs) +
           point * kernel_step(panels_[p].vecs);
  }
  ptrdiff_t kernel_step(int vecs) const {
    return static_cast<ptrdiff_t>(depth_) * vecs * kLanes<T> + kLanes<T>;
  }

  // U = G g Gᵀ for channels [first, first + kDepthCut) of a panel.
  void transform_kernel(int p, int first, T* taps) const {
    const Panel panel = panels_[p];
    const int count = depth_ - first < kDepthCut ? depth_ - first : kDepthCut;
    const int width = panel.vecs * kLanes<T>, column = 0;
    const size_t matrix = static_cast<size_t>(images_.source_channels) * images_.out_channels;
    for (int tap = 0; tap < kTaps; ++tap) {
      T* to = taps + static_cast<size_t>(tap) * count * width;
      if (transpose_) {
        pack_transposed(kernel_ + (kTaps - 1 - tap) * matrix, depth_, first, count, panel, to);
      } else {
        const ptrdiff_t row = images_.out_channels;
        pack_panel(kernel_ + tap * matrix + first * row, row, count, panel, 1, &column, 0,
                   panel.vecs, to);
      }
    }
    const Vec<T> half = set1(T(0.5));
    const ptrdiff_t tap_step = static_cast<ptrdiff_t>(count) * width;
    const ptrdiff_t point_step = kernel_step(panel.vecs);
    T* out = kernel_point(p, 0) + static_cast<ptrdiff_t>(first) * width;
    for (ptrdiff_t i = 0; i < tap_step; i += kLanes<T>) {
      Vec<T> rows[kIn][3];  // G g
      for (int j = 0; j < 3; ++j) {
        const Vec<T> a = load(taps + j * tap_step + i), b = load(taps + (3 + j) * tap_step + i),
                     c = load(taps + (6 + j) * tap_step + i);
        rows[0][j] = a;
        rows[1][j] = half * (a + c + b);
        rows[2][j] = half * (a + c - b);
        rows[3][j] = c;
      }
      for (int j = 0; j < kIn; ++j) {
        const Vec<T> a = rows[j][0], b = rows[j][1], c = rows[j][2];
        T* to = out + j * kIn * point_step + i;
        store(to, a);
        store(to + point_step, half * (a + c + b));
        store(to + 2 * point_step, half * (a + c - b));
        store(to + 3 * point_step, c);
      }
    }
  }

  void run_block(int block, int first_panel, int end_panel, const Member& me) const {
    const ptrdiff_t first = static_cast<ptrdiff_t>(block) * block_;
    const int count =
        static_cast<int>(tiles_.count() - first < block_ ? tiles_.count() - first : block_);
    for (int i = 0; i < count; ++i) {
      tiles_.transform(tiles_.place(first + i), zeros_, me.source + i * tiles_.row(),
                       source_point_);
    }
    for (int p = first_panel; p < end_panel; ++p) {
      const Panel panel = panels_[p];
      for (int point = 0; point < kPoints; ++point) {
        const ptrdiff_t width = panel.vecs * kLanes<T>;
        const Segment<T> segment{nullptr, 0, depth_, kernel_point(p, point), width};
        const Strip<T> strip{
            count,   me.rows + point * block_, me.sum_rows + point * block_, &segment, 1,
            nullptr, static_cast<int>(width),  Activation::kLinear};
        run_strip<T>(RowForm::kShared, panel.vecs, strip);
      }
      for (int i = 0; i < count; ++i) {
        transform_sums(tiles_.place(first + i), panel, me.sums + i * kPanelLanes<T>);
      }
    }
  }

  // activation(Aᵀ M A + bias), the pixels of it that lie in the output.
  void transform_sums(const typename Tiles<T>::Place& at, const Panel& panel, const T* sums) const {
    for (int j = 0; j < panel.units; j += kLanes<T>) {
      const int n = panel.units - j < kLanes<T> ? panel.units - j : kLanes<T>;
      Vec<T> rows[kOut][kIn];  // Aᵀ M
      for (int i = 0; i < kIn; ++i) {
        const T* m = sums + i * sum_point_ + j;
        const Vec<T> a = load(m), b = load(m + kIn * sum_point_),
                     c = load(m + 2 * kIn * sum_point_), d = load(m + 3 * kIn * sum_point_);
        rows[0][i] = a + b + c;
        rows[1][i] = b - c - d;
      }
      const Vec<T> bias = images_.bias ? load_n(images_.bias + panel.unit0 + j, n) : Vec<T>{};
      for (int h = 0; h < at.height; ++h) {
        const Vec<T>* r = rows[h];
        const Vec<T> y[kOut] = {r[0] + r[1] + r[2] + bias, r[1] - r[2] - r[3] + bias};
        for (int w = 0; w < at.width; ++w) {
          T* to = images_.out + tiles_.pixel(at, h, w) * images_.out_channels + panel.unit0 + j;
          store_n(to, activate<T>(images_.activation, y[w]), n);
        }
      }
    }
  }

  const Images<T>& images_;
  const T* kernel_;
  bool transpose_;
  int depth_;  // channels of the source
  Tiles<T> tiles_;
  PanelSet<T> panels_;
  int block_, blocks_;  // tiles done together, and how many such there are
  ptrdiff_t source_point_, sum_point_;
  T* kernel_points_ = nullptr;  // U [panel][point][channel][lanes]
  T* zeros_ = nullptr;          // a pixel outside of the source
  Member* members_ = nullptr;
};

bool winograd_fits(const ConvShape& s) {
  bool fits =
      s.groups == 1 && s.kernel[0] == 1 && s.stride[0] == 1 && s.in[0] == 1 && s.out[0] == 1;
  for (int i = 1; i < 3; ++i) {
    fits = fits && s.kernel[i] == 3 && s.stride[i] == 1 && s.dilation[i] == 1;
  }
  return fits;
}

double tiles_of(const ConvShape& s, const int* out) {
  return static_cast<double>(s.batch) * ((out[1] + kOut - 1) / kOut) * ((out[2] + kOut - 1) / kOut);
}

// Pairs of an output and a tap of an axis that meet inside of the image: what the direct algorithm
// multiplies where it leaves out the zeros around.
double taps_met(const ConvShape& s, int axis) {
  const Axis a = forward_pass(s).axis[axis];
  double met = 0;
  for (int i = 0; i < a.grid; ++i) met += taps_inside(a, s.in[axis], i).count();
  return met;
}

}  // namespace

// Measured: a product over few channels spends its time at both ends of the tiles, and the kernel's
// way into the transformed domain takes as long as some 600 multiplications of each of its values.
bool winograd_pays(const ConvShape& s, const int* out, int source_channels, int out_channels) {
  constexpr int kFewest = 32;
  if (!winograd_fits(s) || source_channels < kFewest || out_channels < kFewest) return false;
  const double taps = s.batch * taps_met(s, 1) * taps_met(s, 2);
  return taps > 1.25 * kPoints * tiles_of(s, out) * (1 + 10.0 / source_channels) + 600;
}

// Measured, too: here both factors are transformed, all of each chunk before its products.
bool winograd_gradient_pays(const ConvShape& s) {
  if (!winograd_fits(s)) return false;
  const double taps = static_cast<double>(kTaps) * s.batch * s.out[1] * s.out[2];
  const double ends = 18.0 / s.channels + 18.0 / s.filters;
  return taps > 1.05 * (kPoints * tiles_of(s, s.out) * (1 + ends) + 700);
}

template <class T>
void winograd(const Images<T>& images, const int* before, const T* kernel, bool transpose,
              int threads) {
  Winograd<T>(images, before, kernel, transpose).run(threads);
}

template void winograd<float>(const Images<float>&, const int*, const float*, bool, int);
template void winograd<double>(const Images<double>&, const int*, const double*, bool, int);

FASTRNN_ISA_END
