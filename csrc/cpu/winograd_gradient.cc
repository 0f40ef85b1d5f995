// The gradient of a 3x3 kernel by Winograd's F(3x3, 2x2), see winograd.h: with the output's
// gradient in the transformed domain, dM = A dz Aᵀ, that of U is Vᵀ dM, a product for each of the
// 16 points, summed over all tiles; the kernel's is Gᵀ dU G.
//
// The team transforms a chunk of tiles, then shares the products of all points. Every element of dU
// is summed chunk by chunk in order, whoever does it.
#include "cells/activations.h"
#include "cpu/buffer.h"
#include "cpu/panels.h"
#include "cpu/parallel.h"
#include "cpu/winograd.h"
#include "cpu/winograd_tiles.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T>
class WinogradGradient {
 public:
  explicit WinogradGradient(const ConvWeights<T>& args)
      : args_(args),
        channels_(args.shape.channels),
        filters_(args.shape.filters),
        tiles_(args.x, args.shape.batch, args.shape.in + 1, channels_, args.shape.before + 1,
               args.shape.out + 1),
        panels_(filters_, 1),
        height_(most_rows(RowForm::kPackedTable, panels_[0].vecs)),
        blocks_((channels_ + height_ - 1) / height_),
        chunk_(tiles_.count() < kChunk ? static_cast<int>(tiles_.count()) : kChunk),
        source_step_(static_cast<ptrdiff_t>(chunk_) * tiles_.row() + kLanes<T>),
        sum_step_(static_cast<ptrdiff_t>(packed_elements(panels_, chunk_)) + kLanes<T>) {}
  WinogradGradient(const WinogradGradient&) = delete;
  WinogradGradient& operator=(const WinogradGradient&) = delete;

  void run(int threads) {
    Layout measure;
    lay_out(measure);
    const Buffer memory(measure.size());
    Layout layout(memory.bytes());
    lay_out(layout);
    __builtin_memset(zeros_, 0, sizeof(T) * tiles_.row());
    for (int k = 0; k < chunk_ + kAhead; ++k) {
      at_[k] = static_cast<ptrdiff_t>(k < chunk_ ? k : chunk_ - 1) * tiles_.row();
    }
    auto body = [this](const Team& team) {
      for (ptrdiff_t first = 0; first < tiles_.count(); first += chunk_) {
        const ptrdiff_t left = tiles_.count() - first;
        add_chunk(first, static_cast<int>(left < chunk_ ? left : chunk_), team);
      }
      team.each(panels_.count() * blocks_, [&](int i) { finish(i / blocks_, i % blocks_); });
    };
    run_team(threads, body);
  }

 private:
  static constexpr int kChunk = 128;
  static constexpr int kGroup = 8;            // tiles that a member transforms at a time
  static constexpr int kBiasPoint = kIn + 1;  // there dM is the sum over the tile
  static constexpr int kTile = kTallRows * kPanelLanes<T>;

  void lay_out(Layout& layout) {
    source_ = layout.take<T>(kPoints * source_step_);
    sums_ = layout.take<T>(kPoints * sum_step_);
    zeros_ = layout.take<T>(tiles_.row());
    at_ = layout.take<ptrdiff_t>(chunk_ + kAhead);
    kernel_ = layout.take<T>(static_cast<size_t>(kPoints) * panels_.count() * blocks_ * kTile);
  }

  T* kernel_tile(int point, int panel, int block) const {
    const size_t tile = (static_cast<size_t>(point) * panels_.count() + panel) * blocks_ + block;
    return kernel_ + tile * kTile;
  }
  T* sums(int point, const Panel& panel, int tile) const {
    return sums_ + point * sum_step_ + static_cast<ptrdiff_t>(panel.unit0) * chunk_ +
           static_cast<ptrdiff_t>(tile) * panel.vecs * kLanes<T>;
  }

  void add_chunk(ptrdiff_t first, int count, const Team& team) const {
    team.each((count + kGroup - 1) / kGroup, [&](int group) {
      const int end = (group + 1) * kGroup < count ? (group + 1) * kGroup : count;
      for (int i = group * kGroup; i < end; ++i) {
        const auto place = tiles_.place(first + i);
        tiles_.transform(place, zeros_, source_ + static_cast<ptrdiff_t>(i) * tiles_.row(),
                         source_step_);
        for (int p = 0; p < panels_.count(); ++p) transform_gradient(place, panels_[p], i);
      }
    });
    team.barrier();
    team.each(kPoints * panels_.count() * blocks_, [&](int i) {
      const int block = i % blocks_, p = i / blocks_ % panels_.count();
      add_product(i / blocks_ / panels_.count(), p, block, count, first == 0);
    });
    if (args_.dbias) {
      team.each(panels_.count(), [&](int p) { add_bias(panels_[p], count, first == 0); });
    }
    team.barrier();
  }

  // dM = A dz Aᵀ of one tile; pixels outside of the output count as zeros.
  void transform_gradient(const typename Tiles<T>::Place& at, const Panel& panel, int tile) const {
    for (int j = 0; j < panel.units; j += kLanes<T>) {
      const int n = panel.units - j < kLanes<T> ? panel.units - j : kLanes<T>;
      Vec<T> dz[kOut][kOut] = {};
      for (int h = 0; h < at.height; ++h) {
        for (int w = 0; w < at.width; ++w) {
          const ptrdiff_t from = tiles_.pixel(at, h, w) * filters_ + panel.unit0 + j;
          dz[h][w] = load_n(args_.dy + from, n);
          if (!args_.y) continue;
          dz[h][w] *= activation_gradient<T>(args_.activation, load_n(args_.y + from, n));
          if (args_.dz) store_n(args_.dz + from, dz[h][w], n);
        }
      }
      Vec<T> rows[kIn][kOut];  // A dz
      for (int w = 0; w < kOut; ++w) {
        rows[0][w] = dz[0][w];
        rows[1][w] = dz[0][w] + dz[1][w];
        rows[2][w] = dz[0][w] - dz[1][w];
        rows[3][w] = -dz[1][w];
      }
      T* to = sums(0, panel, tile) + j;
      for (int i = 0; i < kIn; ++i, to += kIn * sum_step_) {
        const Vec<T> a = rows[i][0], b = rows[i][1];
        store(to, a);
        store(to + sum_step_, a + b);
        store(to + 2 * sum_step_, a - b);
        store(to + 3 * sum_step_, -b);
      }
    }
  }

  void add_product(int point, int p, int block, int count, bool first) const {
    const Panel panel = panels_[p];
    const int channel = block * height_;
    const int height = channels_ - channel < height_ ? channels_ - channel : height_;
    const T* const source = source_ + point * source_step_ + channel;
    const Segment<T> segment{&source, 0, count, sums(point, panel, 0), panel.vecs * kLanes<T>, at_};
    T* tile = kernel_tile(point, p, block);
    if (first) {
      for (int j = 0; j < height * kPanelLanes<T>; j += kLanes<T>) store(tile + j, Vec<T>{});
    }
    tile_fn<T>(RowForm::kPackedTable, height, panel.vecs)(&segment, 1, nullptr, 0, tile);
  }

  void add_bias(const Panel& panel, int count, bool first) const {
    for (int j = 0; j < panel.units; j += kLanes<T>) {
      const int n = panel.units - j < kLanes<T> ? panel.units - j : kLanes<T>;
      T* bias = args_.dbias + panel.unit0 + j;
      Vec<T> total = {};
      for (int i = 0; i < count; ++i) total += load(sums(kBiasPoint, panel, i) + j);
      if (!first) total += load_n(bias, n);
      store_n(bias, total, n);
    }
  }

  // Gᵀ dU G of some channels and a panel's filters.
  void finish(int p, int block) const {
    const Panel panel = panels_[p];
    const int channel = block * height_;
    const int height = channels_ - channel < height_ ? channels_ - channel : height_;
    const Vec<T> half = set1(T(0.5));
    const ptrdiff_t point_step = kernel_tile(1, 0, 0) - kernel_tile(0, 0, 0);
    for (int m = 0; m < height; ++m) {
      const T* from = kernel_tile(0, p, block) + m * kPanelLanes<T>;
      T* to = args_.dkernel + static_cast<ptrdiff_t>(channel + m) * filters_ + panel.unit0;
      for (int j = 0; j < panel.units; j += kLanes<T>) {
        const int n = panel.units - j < kLanes<T> ? panel.units - j : kLanes<T>;
        Vec<T> rows[3][kIn];  // Gᵀ dU
        for (int i = 0; i < kIn; ++i) {
          const T* u = from + i * point_step + j;
          const Vec<T> a = load(u), b = load(u + kIn * point_step),
                       c = load(u + 2 * kIn * point_step), d = load(u + 3 * kIn * point_step);
          rows[0][i] = a + half * (b + c);
          rows[1][i] = half * (b - c);
          rows[2][i] = half * (b + c) + d;
        }
        for (int i = 0; i < 3; ++i) {
          const Vec<T>* r = rows[i];
          const Vec<T> taps[3] = {r[0] + half * (r[1] + r[2]), half * (r[1] - r[2]),
                                  half * (r[1] + r[2]) + r[3]};
          for (int k = 0; k < 3; ++k) {
            T* tap = to + (static_cast<ptrdiff_t>(i) * 3 + k) * channels_ * filters_ + j;
            store_n(tap, taps[k], n);
          }
        }
      }
    }
  }

  const ConvWeights<T>& args_;
  int channels_, filters_;
  Tiles<T> tiles_;
  PanelSet<T> panels_;
  int height_;                        // channels of a tile, at most
  int blocks_;                        // of so many channels
  int chunk_;                         // tiles
  ptrdiff_t source_step_, sum_step_;  // from one point to the next
  T* source_ = nullptr;               // V [point][tile][channel]
  T* sums_ = nullptr;                 // dM [point][panel][tile][lanes]
  T* zeros_ = nullptr;                // a pixel outside of x
  ptrdiff_t* at_ = nullptr;           // where each tile's row begins
  T* kernel_ = nullptr;               // dU [point][panel][block][channel][lanes]
};

}  // namespace

template <class T>
void winograd_gradient(const ConvWeights<T>& args, int threads) {
  WinogradGradient<T>(args).run(threads);
}

template void winograd_gradient<float>(const ConvWeights<float>&, int);
template void winograd_gradient<double>(const ConvWeights<double>&, int);

FASTRNN_ISA_END
