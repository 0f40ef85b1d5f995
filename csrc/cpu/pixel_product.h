// The product at the heart of a convolution and of its input gradient: for each pixel that is
// written a row of A, the source's values under the taps, times the packed kernel. A is not copied:
// a tile's rows are pointers to pixels, and the taps are runs at fixed distances from there. Where
// the runs are short (few channels) a table holds the place of each value instead.
#pragma once

#include "cells/activations.h"
#include "cpu/boxes.h"
#include "cpu/buffer.h"
#include "cpu/images.h"
#include "cpu/panels.h"
#include "cpu/parallel.h"
#include "cpu/pixels.h"
#include "cpu/strip.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr int kBandPixels = 16 * kMaxRows;
// Runs shorter than this go through the table.
constexpr int kShortRun = 16;
// Bytes of a panel that stay in the second-level cache beside a band; more are taken in parts.
constexpr size_t kPanelBytes = size_t{3} << 17;
// So few pixels do not repay packing a kernel of several panels.
constexpr int kFewPixels = 100;
// Zeros that are a lesser part of a pass are multiplied: its tiles are fuller.
constexpr double kMostInside = 0.92;

// Images that may lie apart, as those of one time step do.
template <class T>
struct Frames {
  const T* source;
  ptrdiff_t source_image;  // elements from one to the next
  T* out;
  ptrdiff_t out_image;  // pixels from one to the next
  bool add;             // to what `out` holds, in place of the bias
};

template <class T>
class PixelProduct {
 public:
  // kernel: the forward pass's, to be read in place where that will do; or null.
  PixelProduct(const Images<T>& images, const Pass& pass, const T* kernel = nullptr)
      : images_(images),
        pass_(pass),
        group_in_(images.source_channels / images.groups),
        group_out_(images.out_channels / images.groups),
        panels_(group_out_, 1),
        depth_(pass_.taps() * group_in_),
        run_(depth_ == 0 ? 1 : (images.groups == 1 ? pass_.run() : 1) * group_in_),
        by_table_(!images.im2col && run_ < kShortRun && depth_ > run_),
        clips_(!images.im2col && !by_table_ &&
               share_inside(pass_, images.source_size) < kMostInside),
        // Of small images many together, so that their corners fill tiles.
        bands_(pass_, images.batch, clips_ ? 4 * kBandPixels : kBandPixels),
        source_(images.source, images.source_size, images.source_channels, 1, pass_, bands_,
                clips_) {
    // A single panel of whole vectors is packed as it is.
    const bool whole = images.groups == 1 && group_out_ % kLanes<T> == 0;
    const bool few = static_cast<long>(bands_.count()) * bands_.pixels() <= kFewPixels;
    if (whole && (few || panels_.count() == 1)) kernel_ = kernel;
    // Read in place, a panel's rows are as far apart as the kernel's, and share the cache's sets
    // with what lies between.
    const size_t row_bytes = sizeof(T) * (kernel_ ? group_out_ : kPanelLanes<T>);
    const long most = kPanelBytes / row_bytes;
    const int parts = most < 1 ? depth_ : static_cast<int>((depth_ + most - 1) / most);
    depth_part_ = parts == 0 ? 0 : (depth_ + parts - 1) / parts;
  }
  PixelProduct(const PixelProduct&) = delete;
  PixelProduct& operator=(const PixelProduct&) = delete;

  Buffer allocate(int team) {
    Layout measure;
    lay_out(measure, team);
    Buffer memory(measure.size());
    Layout layout(memory.bytes());
    lay_out(layout, team);
    return memory;
  }

  // Before run(), by one member.
  void fill_table() const {
    if (!by_table_) return;
    for (int k = 0; k < depth_; ++k) table_[k] = source_.tap(k / group_in_) + k % group_in_;
  }

  // The kernel as it lies, for the forward pass. The team shares the panels.
  void pack(const ConvShape& s, const T* kernel, const Team& team) const {
    if (kernel_) return;
    each_panel(team, [&](int group, const Panel& panel, T* to) {
      const int column = group * group_out_;
      pack_panel(kernel, s.filters, depth_, panel, 1, &column, 0, panel.vecs, to);
    });
  }

  // The kernel's taps of a pass, transposed: packed[(tap, filter)][channel].
  void pack_transpose(const ConvShape& s, const T* kernel, const Team& team) const {
    each_panel(team, [&](int group, const Panel& panel, T* to) {
      for (int tap = 0; tap < pass_.taps(); ++tap) {
        const T* matrix = kernel + static_cast<size_t>(pass_.kernel_index(tap, s.kernel)) *
                                       group_out_ * s.filters;
        pack_transposed(matrix, s.filters, group * group_in_, group_in_, panel, to);
        to += static_cast<size_t>(group_in_) * panel.vecs * kLanes<T>;
      }
    });
  }

  void run(const Team& team) const {
    const ptrdiff_t out =
        static_cast<ptrdiff_t>(images_.out_size[0]) * images_.out_size[1] * images_.out_size[2];
    run(team, {images_.source, source_.image_size(), images_.out, out, false});
  }

  // The team shares bands, and panels where there are few bands.
  void run(const Team& team, const Frames<T>& frames) const {
    if (pass_.empty()) return;
    const int all = panels_.count() * images_.groups;
    const int wanted = team.size() == 1 ? 1 : 4 * team.size();
    int parts = (wanted + bands_.count() - 1) / bands_.count();
    parts = parts < all ? parts : all;
    team.each(bands_.count() * parts, [&](int i) {
      const int part = i % parts;
      const auto cut = [&](int k) { return static_cast<int>(static_cast<long>(all) * k / parts); };
      run_band(frames, bands_[i / parts], cut(part), cut(part + 1), members_[team.rank()]);
    });
  }

 private:
  T* packed(int group, int p) const {
    return packed_ + packed_elements(panels_, depth_) * group +
           static_cast<size_t>(panels_[p].unit0) * depth_;
  }

  // body(group, panel, where its packed columns lie)
  template <class Body>
  void each_panel(const Team& team, const Body& body) const {
    const int count = panels_.count();
    team.each(count * images_.groups,
              [&](int i) { body(i / count, panels_[i % count], packed(i / count, i % count)); });
  }

  // One thread's own memory.
  struct Member {
    T* copy;
    const T** rows;
    T** out;  // where each pixel of the output begins
    T** to;   // and in it the panel at work
    T* patches;
    Box* boxes;
    Segment<T>* segments;
    T* sums;
  };

  void lay_out(Layout& layout, int team) {
    packed_ = layout.take<T>(kernel_ ? 0 : packed_elements(panels_, depth_) * images_.groups);
    table_ = layout.take<ptrdiff_t>(by_table_ ? depth_ : 0);
    const size_t pixels = bands_.pixels();
    members_ = layout.take<Member>(team);
    for (int i = 0; i < team; ++i) {
      Member m;
      m.copy = layout.take<T>(source_.copy_size());
      m.rows = layout.take<const T*>(pixels);
      m.out = layout.take<T*>(pixels);
      m.to = layout.take<T*>(pixels);
      m.patches = layout.take<T>(images_.im2col ? pixels * depth_ : 0);
      m.boxes = layout.take<Box>(clips_ ? pixels : 1);
      m.segments = layout.take<Segment<T>>(depth_ / run_ + 2);
      m.sums = layout.take<T>(depth_part_ < depth_ ? pixels * kPanelLanes<T> : 0);
      if (members_) members_[i] = m;
    }
  }

  void run_band(const Frames<T>& frames, const Band& band, int first, int last,
                const Member& me) const {
    const Source<T> source = source_.moved(frames.source, frames.source_image);
    const int copied = source.copied_rows(band);
    for (int i = 0; i < copied; ++i) source.fill(band, i, me.copy);
    int boxes = 0, count = 0;
    const auto list = [&](const Band& part, const Span* taps) {
      Box& box = me.boxes[boxes++];
      box = {count, part.pixels(), {taps[0], taps[1], taps[2]}};
      const T* base = source.base(part, me.copy);
      const auto visit = [&](int, ptrdiff_t from, ptrdiff_t row) {
        me.rows[count] = base + from;
        me.out[count++] = frames.out + row * images_.out_channels;
      };
      for_each_pixel(part, pass_, source, images_.out_size, visit, frames.out_image);
    };
    if (clips_) {
      for_each_box(band, pass_, images_.source_size, list);
    } else {
      const Axis* a = pass_.axis;
      const Span all[3] = {{0, a[0].taps}, {0, a[1].taps}, {0, a[2].taps}};
      list(band, all);
    }
    int patched = -1;
    for (int i = first; i < last; ++i) {
      const int group = i / panels_.count();
      if (images_.im2col && group != patched) write_patches(source, band, group, me);
      patched = group;
      run_panel(group, i % panels_.count(), boxes, frames.add, me);
    }
  }

  // The patches of a group, pixel after pixel; rows then points to them.
  void write_patches(const Source<T>& source, const Band& band, int group, const Member& me) const {
    const T* base = source.base(band, me.copy);
    for_each_pixel(band, pass_, source, images_.out_size, [&](int p, ptrdiff_t from, ptrdiff_t) {
      T* to = me.patches + static_cast<size_t>(p) * depth_;
      const T* pixel = base + from + group * group_in_;
      me.rows[p] = to;
      for (int k = 0; k < depth_; k += run_) {
        __builtin_memcpy(to + k, pixel + source.tap(k / group_in_), sizeof(T) * run_);
      }
    });
  }

  // Values [k, k + depth) of the rows of a box, as segments.
  int list_segments(int group, int p, int k, int depth, const Box& box, Segment<T>* out) const {
    const ptrdiff_t width = kernel_ ? group_out_ : panels_[p].vecs * kLanes<T>;
    const T* b = kernel_ ? kernel_ + panels_[p].unit0 : packed(group, p);
    const ptrdiff_t channel = images_.im2col ? 0 : static_cast<ptrdiff_t>(group) * group_in_;
    if (images_.im2col || by_table_) {
      out[0] = {nullptr, images_.im2col ? k : channel,    depth, b + k * width,
                width,   by_table_ ? table_ + k : nullptr};
      return 1;
    }
    const Axis* a = pass_.axis;
    int used = 0;
    for (int done = k, end; done < k + depth; done = end) {
      const int begin = done / run_ * run_;
      end = begin + run_ < k + depth ? begin + run_ : k + depth;
      const int tap = begin / group_in_, column = tap % a[2].taps, row = tap / a[2].taps;
      if (!box.taps[1].has(row % a[1].taps) || !box.taps[0].has(row / a[1].taps)) continue;
      const Span met = overlap({begin + (box.taps[2].first - column) * group_in_,
                                begin + (box.taps[2].last - column) * group_in_},
                               {done, end});
      if (met.count() == 0) continue;
      out[used++] = {nullptr,     source_.tap(tap) + channel + met.first - begin,
                     met.count(), b + met.first * width,
                     width,       nullptr};
    }
    return used;
  }

  void run_panel(int group, int p, int boxes, bool add, const Member& me) const {
    const Panel panel = panels_[p];
    const int first_unit = group * group_out_ + panel.unit0;
    const int count = me.boxes[boxes - 1].first + me.boxes[boxes - 1].count;
    for (int i = 0; i < count; ++i) me.to[i] = me.out[i] + first_unit;
    const T* bias = images_.bias ? images_.bias + first_unit : nullptr;
    // In parts only the last one ends at the output; the sums wait in memory until then.
    const int last = depth_ == 0 ? 0 : (depth_ - 1) / depth_part_ * depth_part_;
    for (int k = 0; k <= last; k += depth_part_) {
      for (int i = 0; i < boxes; ++i) {
        const Box& box = me.boxes[i];
        Strip<T> strip{box.count, me.rows + box.first, me.to + box.first, me.segments, 0,
                       bias,      panel.units,         images_.activation};
        const int depth = k < last ? depth_part_ : depth_ - k;
        strip.used = list_segments(group, p, k, depth, box, me.segments);
        strip.add = add && (k < last || last == 0);
        T* sums = me.sums + static_cast<size_t>(box.first) * kPanelLanes<T>;
        if (k < last) {
          add_part(panel, strip, k == 0, sums);
        } else {
          strip.start = last > 0 ? sums : nullptr;
          run_strip<T>(by_table_ ? RowForm::kTable : RowForm::kShared, panel.vecs, strip);
        }
      }
      if (depth_part_ == 0) break;  // no taps
    }
  }

  // Adds one part of K to the sums [pixel][lanes].
  void add_part(const Panel& panel, const Strip<T>& strip, bool first, T* sums) const {
    const RowForm form = by_table_ ? RowForm::kTable : RowForm::kShared;
    for (int i = 0; i < strip.count;) {
      const int height = tile_rows(strip.count - i);
      T* tile = sums + static_cast<size_t>(i) * kPanelLanes<T>;
      if (first) start_sums(strip, i, height, tile);
      Segment<T>* segments = const_cast<Segment<T>*>(strip.segments);
      for (int s = 0; s < strip.used; ++s) segments[s].rows = strip.rows + i;
      tile_fn<T>(form, height, panel.vecs)(segments, strip.used, nullptr, 0, tile);
      i += height;
    }
  }

  static void start_sums(const Strip<T>& strip, int row, int height, T* tile) {
    for (int j = 0; j < strip.units; j += kLanes<T>) {
      const int n = strip.units - j < kLanes<T> ? strip.units - j : kLanes<T>;
      const Vec<T> bias = strip.bias ? load_n(strip.bias + j, n) : Vec<T>{};
      for (int m = 0; m < height; ++m) {
        const Vec<T> v = strip.add ? load_n(strip.out[row + m] + j, n) : bias;
        store(tile + m * kPanelLanes<T> + j, v);
      }
    }
  }

  const Images<T>& images_;
  Pass pass_;
  int group_in_, group_out_;
  PanelSet<T> panels_;
  int depth_;  // values of the source a pixel's sum reads
  int run_;    // of them side by side in memory
  bool by_table_;
  bool clips_;  // whether taps outside of the source are left out
  Bands bands_;
  Source<T> source_;
  int depth_part_;             // that are done at a time
  const T* kernel_ = nullptr;  // where it is read in place
  T* packed_ = nullptr;
  ptrdiff_t* table_ = nullptr;
  Member* members_ = nullptr;
};

}  // namespace
FASTRNN_ISA_END
