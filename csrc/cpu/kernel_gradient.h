// The gradient of a convolution's kernel: the outer product of what the taps read with dz, summed
// over all pixels. A tile is some features (a tap's channels) by some filters; both factors of a
// chunk of pixels stay in cache while all tiles pass over them.
//
// Where there are many tiles the team shares those of every chunk. A kernel of few tiles is summed
// up in slices of the pixels instead, each by one member, added up in order at the end. Which of
// the two, and how many slices, depends on the shape alone, so that results do not depend on the
// team.
#pragma once

#include "cells/activations.h"
#include "cpu/buffer.h"
#include "cpu/panels.h"
#include "cpu/parallel.h"
#include "cpu/pixels.h"
#include "cpu/slices.h"

FASTRNN_ISA_BEGIN
namespace {

template <class T>
class KernelGradient {
 public:
  explicit KernelGradient(const ConvWeights<T>& args)
      : args_(args),
        s_(args.shape),
        pass_(forward_pass(s_)),
        bands_(pass_, s_.batch, chunk_pixels(s_)),
        source_(args.x, s_.in, s_.channels, 1, pass_, bands_),
        group_in_(s_.channels / s_.groups),
        group_out_(s_.filters / s_.groups),
        panels_(group_out_, 1),
        depth_(pass_.taps() * group_in_),
        run_((s_.groups == 1 ? pass_.run() : 1) * group_in_),
        by_feature_(run_ < kShortRun && depth_ > run_),
        form_(by_feature_ ? RowForm::kTable : RowForm::kPackedTable),
        height_(most_rows(form_, panels_[0].vecs)),
        run_tiles_(((by_feature_ ? depth_ : run_) + height_ - 1) / height_),
        tiles_(by_feature_ ? run_tiles_ : depth_ / run_ * run_tiles_) {
    const Panel last = panels_[panels_.count() - 1];
    const bool whole = s_.filters % panels_.width() == 0 || s_.filters == last.vecs * kLanes<T>;
    in_place_ = s_.groups == 1 && whole && s_.filters <= kWidestInPlace;
    const long items = static_cast<long>(tiles_) * panels_.count() * s_.groups;
    const bool few = items < kFewTiles && bands_.count() > 1;
    slices_ = !few ? 1 : bands_.count() < kSlices ? bands_.count() : kSlices;
  }
  KernelGradient(const KernelGradient&) = delete;
  KernelGradient& operator=(const KernelGradient&) = delete;

  void run(int threads) {
    Layout measure;
    lay_out(measure, threads);
    const Buffer memory(measure.size());
    Layout layout(memory.bytes());
    lay_out(layout, threads);
    auto body = [this](const Team& team) {
      if (slices_ == 1) {
        for (int i = 0; i < bands_.count(); ++i) {
          add_chunk(bands_[i], i == 0, args_.dkernel, args_.dbias, chunks_[0], team);
        }
        return;
      }
      const Team alone = Team::alone();
      team.each(slices_, [&](int slice) {
        T* dkernel = slice_sums(slice);
        T* dbias = args_.dbias ? dkernel + kernel_size() : nullptr;
        const int first = first_band(slice), end = first_band(slice + 1);
        for (int i = first; i < end; ++i) {
          add_chunk(bands_[i], i == first, dkernel, dbias, chunks_[team.rank()], alone);
        }
      });
      team.barrier();
      if (team.rank() == 0) add_slices();
    };
    run_team(threads, body);
  }

 private:
  static constexpr int kChunkPixels = 512;
  static constexpr int kFewTiles = 64;
  static constexpr int kSlices = 16;

  // Runs shorter than this are cut into tiles together, each feature with a pointer of its own.
  static constexpr int kShortRun = 16;
  // Rows of dz further apart than this fall into too few sets of the caches.
  static constexpr int kWidestInPlace = 128;

  // Every chunk reads and writes the kernel: few chunks where that outgrows the second-level cache,
  // many where it costs nothing, so that a panel of dz stays in the first.
  static int chunk_pixels(const ConvShape& s) {
    double bytes = sizeof(T);
    for (int i = 0; i < 3; ++i) bytes *= s.kernel[i];
    bytes *= static_cast<double>(s.channels) / s.groups * s.filters;
    if (bytes > 1 << 20) return 2 * kChunkPixels;
    return bytes > 1 << 16 ? kChunkPixels : kChunkPixels / 4;
  }

  // A chunk's factors.
  struct Chunk {
    T* copy;
    ptrdiff_t* at;  // where each pixel lies from the first
    T* dz;          // where the activation's part is done here and the caller needs no dz
    T* packed;      // dz [group][panel][pixel][lanes], unless it can be read in place
  };

  void lay_out(Layout& layout, int team) {
    const int own = slices_ == 1 ? 1 : team;
    chunks_ = layout.take<Chunk>(own);
    for (int i = 0; i < own; ++i) {
      Chunk c;
      c.copy = layout.take<T>(source_.copy_size());
      c.at = layout.take<ptrdiff_t>(bands_.pixels() + kAhead);
      const bool own_dz = args_.y && !args_.dz;
      c.dz = layout.take<T>(own_dz ? static_cast<size_t>(bands_.pixels()) * s_.filters : 0);
      c.packed =
          layout.take<T>(in_place_ ? 0 : packed_elements(panels_, bands_.pixels()) * s_.groups);
      if (chunks_) chunks_[i] = c;
    }
    sums_ = layout.take<T>(slices_ == 1 ? 0 : slices_ * (kernel_size() + s_.filters));
  }

  size_t kernel_size() const { return static_cast<size_t>(depth_) * s_.filters; }
  T* slice_sums(int slice) const { return sums_ + slice * (kernel_size() + s_.filters); }
  int first_band(int slice) const {
    return static_cast<int>(static_cast<long>(bands_.count()) * slice / slices_);
  }

  void add_chunk(const Band& band, bool first, T* dkernel, T* dbias, const Chunk& chunk,
                 const Team& team) const {
    const int count = band.pixels();
    team.each(source_.copied_rows(band), [&](int i) { source_.fill(band, i, chunk.copy); });
    if (team.rank() == 0) {
      for_each_pixel(band, pass_, source_, s_.out,
                     [&](int p, ptrdiff_t from, ptrdiff_t) { chunk.at[p] = from; });
      for (int i = 0; i < kAhead; ++i) chunk.at[count + i] = chunk.at[count - 1];
    }
    // A band's pixels follow each other in dz.
    const ptrdiff_t first_pixel =
        ((static_cast<ptrdiff_t>(band.image) * s_.out[0] + band.plane) * s_.out[1] + band.row) *
            s_.out[2] +
        band.column;
    const T* dz = args_.dy + first_pixel * s_.filters;
    if (args_.y) {
      T* own = args_.dz ? args_.dz + first_pixel * s_.filters : chunk.dz;
      before_activation(dz, args_.y + first_pixel * s_.filters, count, own, team);
      dz = own;
    }
    team.each(panels_.count() * s_.groups, [&](int i) {
      const Panel panel = panels_[i % panels_.count()];
      const int column = i / panels_.count() * group_out_;
      if (!in_place_) {
        pack_panel(dz, s_.filters, count, panel, 1, &column, 0, panel.vecs,
                   packed(chunk, count, i / panels_.count(), panel));
      }
      if (dbias) {
        add_bias(dz + column + panel.unit0, count, panel, first, dbias + column + panel.unit0);
      }
    });
    team.barrier();
    const T* base = source_.base(band, chunk.copy);
    const int group_items = tiles_ * panels_.count();
    team.each(group_items * s_.groups, [&](int i) {
      const int group = i / group_items;
      const Panel panel = panels_[i % group_items / tiles_];
      const int width = panel.vecs * kLanes<T>;
      const Segment<T> segment{nullptr,
                               0,
                               count,
                               in_place_ ? dz + panel.unit0 : packed(chunk, count, group, panel),
                               in_place_ ? s_.filters : width,
                               chunk.at};
      add_tile(base, segment, group, panel, i % tiles_, first, dkernel);
    });
    team.barrier();
  }

  void before_activation(const T* dy, const T* y, int count, T* dz, const Team& team) const {
    constexpr ptrdiff_t kPart = 4096;
    const ptrdiff_t size = static_cast<ptrdiff_t>(count) * s_.filters;
    team.each(static_cast<int>((size + kPart - 1) / kPart), [&](int i) {
      const ptrdiff_t begin = i * kPart, end = begin + kPart < size ? begin + kPart : size;
      for_each_slice<T>(begin, end, [&](auto s) {
        s.put(dz, s.get(dy) * activation_gradient<T>(args_.activation, s.get(y)));
      });
    });
    team.barrier();
  }

  T* packed(const Chunk& chunk, int count, int group, const Panel& panel) const {
    return chunk.packed + packed_elements(panels_, count) * group +
           static_cast<size_t>(panel.unit0) * count;
  }

  // In interleaved sums, chunk by chunk: one long sum of float32 would lose digits.
  void add_bias(const T* dz, int count, const Panel& panel, bool first, T* dbias) const {
    constexpr int kSums = 4;
    for (int j = 0; j < panel.units; j += kLanes<T>) {
      const int n = panel.units - j < kLanes<T> ? panel.units - j : kLanes<T>;
      Vec<T> sums[kSums] = {};
      const T* row = dz + j;
      int r = 0;
      for (; r + kSums <= count; r += kSums) {
#pragma GCC unroll 4
        for (int i = 0; i < kSums; ++i, row += s_.filters) sums[i] += load_n(row, n);
      }
      for (; r < count; ++r, row += s_.filters) sums[0] += load_n(row, n);
      Vec<T> total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
      if (!first) total += load_n(dbias + j, n);
      store_n(dbias + j, total, n);
    }
  }

  void add_tile(const T* base, Segment<T> segment, int group, const Panel& panel, int tile,
                bool first, T* dkernel) const {
    constexpr int kLine = 64 / static_cast<int>(sizeof(T));
    alignas(64) T sums[kTallRows * kPanelLanes<T>];
    const long length = by_feature_ ? depth_ : run_;
    const int run = tile / run_tiles_, part = tile % run_tiles_;
    const int begin = static_cast<int>(length * part / run_tiles_);
    const int end = static_cast<int>(length * (part + 1) / run_tiles_);
    const int height = end - begin;
    const T* a[kTallRows];
    for (int m = 0; m < (by_feature_ ? height : 1); ++m) {
      const int feature = run * run_ + begin + m;
      a[m] = base + source_.tap(feature / group_in_) + feature % group_in_ + group * group_in_;
    }
    segment.rows = a;
    T* out = dkernel + static_cast<size_t>(run * run_ + begin) * s_.filters + group * group_out_ +
             panel.unit0;
    for (int m = 0; m < height; ++m) {
      for (int j = 0; j < panel.units; j += kLine) {
        __builtin_prefetch(out + static_cast<size_t>(m) * s_.filters + j, 1);
      }
    }
    for (int j = 0; j < height * kPanelLanes<T>; j += kLanes<T>) store(sums + j, Vec<T>{});
    tile_fn<T>(form_, height, panel.vecs)(&segment, 1, nullptr, 0, sums);
    for (int m = 0; m < height; ++m) {
      T* to = out + static_cast<size_t>(m) * s_.filters;
      for (int j = 0; j < panel.units; j += kLanes<T>) {
        const int n = panel.units - j < kLanes<T> ? panel.units - j : kLanes<T>;
        Vec<T> v = load(sums + m * kPanelLanes<T> + j);
        if (!first) v += load_n(to + j, n);
        store_n(to + j, v, n);
      }
    }
  }

  // By one member: they are small.
  void add_slices() const {
    for_each_slice<T>(0, static_cast<ptrdiff_t>(kernel_size()), [&](auto s) {
      Vec<T> sum = s.get(slice_sums(0));
      for (int i = 1; i < slices_; ++i) sum += s.get(slice_sums(i));
      s.put(args_.dkernel, sum);
    });
    if (!args_.dbias) return;
    for_each_slice<T>(0, s_.filters, [&](auto s) {
      Vec<T> sum = s.get(slice_sums(0) + kernel_size());
      for (int i = 1; i < slices_; ++i) sum += s.get(slice_sums(i) + kernel_size());
      s.put(args_.dbias, sum);
    });
  }

  const ConvWeights<T>& args_;
  const ConvShape& s_;
  Pass pass_;
  Bands bands_;
  Source<T> source_;
  int group_in_, group_out_;
  PanelSet<T> panels_;
  int depth_;  // values of the source a pixel's sum reads: the kernel's rows
  int run_;    // of them side by side in memory
  bool by_feature_;
  RowForm form_;
  int height_;     // features of a tile, at most
  int run_tiles_;  // tiles of features in a run
  int tiles_;      // and in all
  bool in_place_;  // dz's rows are whole panels
  int slices_;
  Chunk* chunks_ = nullptr;
  T* sums_ = nullptr;
};

}  // namespace
FASTRNN_ISA_END
