// Depthwise convolution: each channel by itself, lanes are filters. A channel with several filters
// is repeated in the copy of the source, so that all loads are whole vectors.
#include "cells/activations.h"
#include "cpu/buffer.h"
#include "cpu/parallel.h"
#include "cpu/pixels.h"
#include "cpu/slices.h"

FASTRNN_ISA_BEGIN
namespace {

constexpr int kBandPixels = 64;
constexpr int kPixelBlock = 8;  // pixels whose sums are in registers
constexpr int kTapBlock = 8;    // taps whose gradients are
constexpr int kSlices = 16;

// out[p][f] = the sum over taps of source[p + tap][f] weights[tap][f].
template <class T>
class DepthwisePass {
 public:
  DepthwisePass(const ConvShape& s, const T* source, const int* source_size, int source_channels,
                const Pass& pass, const T* kernel)
      : pass_(pass),
        bands_(pass_, s.batch, kBandPixels),
        source_(source, source_size, source_channels, s.filters / source_channels, pass_, bands_),
        kernel_size_(s.kernel),
        filters_(s.filters),
        kernel_(kernel) {}
  DepthwisePass(const DepthwisePass&) = delete;
  DepthwisePass& operator=(const DepthwisePass&) = delete;

  // put(row of the output array, filter, sums, lanes in use)
  template <class Put>
  void run(int threads, const int* out_size, const T* bias, const Put& put) {
    Layout measure;
    lay_out(measure, threads);
    const Buffer memory(measure.size());
    Layout layout(memory.bytes());
    lay_out(layout, threads);
    for (int tap = 0; tap < pass_.taps(); ++tap) {
      taps_[tap] = source_.tap(tap);
      weights_[tap] =
          kernel_ + static_cast<size_t>(pass_.kernel_index(tap, kernel_size_)) * filters_;
    }
    auto body = [&](const Team& team) {
      team.each(bands_.count(),
                [&](int i) { run_band(bands_[i], members_[team.rank()], out_size, bias, put); });
    };
    run_team(threads, body);
  }

 private:
  struct Member {
    T* copy;
    const T** rows;
    ptrdiff_t* out;
  };

  void lay_out(Layout& layout, int team) {
    taps_ = layout.take<ptrdiff_t>(pass_.taps());
    weights_ = layout.take<const T*>(pass_.taps());
    members_ = layout.take<Member>(team);
    for (int i = 0; i < team; ++i) {
      Member m;
      m.copy = layout.take<T>(source_.copy_size());
      m.rows = layout.take<const T*>(bands_.pixels());
      m.out = layout.take<ptrdiff_t>(bands_.pixels());
      if (members_) members_[i] = m;
    }
  }

  template <class Put>
  void run_band(const Band& band, const Member& me, const int* out_size, const T* bias,
                const Put& put) const {
    for (int i = 0; i < source_.copied_rows(band); ++i) source_.fill(band, i, me.copy);
    const T* base = source_.base(band, me.copy);
    int count = 0;
    for_each_pixel(band, pass_, source_, out_size, [&](int p, ptrdiff_t from, ptrdiff_t row) {
      me.rows[p] = base + from;
      me.out[p] = row;
      ++count;
    });
    for (int p = 0; p < count; p += kPixelBlock) {
      const int pixels = count - p < kPixelBlock ? count - p : kPixelBlock;
      for_each_slice<T>(0, filters_, [&](auto f) {
        if (pixels == kPixelBlock) {
          sum<kPixelBlock>(f, me.rows + p, me.out + p, bias, put);
        } else {
          for (int i = 0; i < pixels; ++i) sum<1>(f, me.rows + p + i, me.out + p + i, bias, put);
        }
      });
    }
  }

  template <int kPixels, class F, class Put>
  FASTRNN_INLINE void sum(const F& f, const T* const* rows, const ptrdiff_t* out, const T* bias,
                          const Put& put) const {
    const Vec<T> start = bias ? f.get(bias) : Vec<T>{};
    Vec<T> acc[kPixels];
    for (int i = 0; i < kPixels; ++i) acc[i] = start;
    for (int tap = 0; tap < pass_.taps(); ++tap) {
      const Vec<T> weight = f.get(weights_[tap]);
      const ptrdiff_t at = taps_[tap];
#pragma GCC unroll 8
      for (int i = 0; i < kPixels; ++i) acc[i] += f.get(rows[i] + at) * weight;
    }
    for (int i = 0; i < kPixels; ++i) put(out[i], f, acc[i]);
  }

  Pass pass_;
  Bands bands_;
  Source<T> source_;
  const int* kernel_size_;
  int filters_;
  const T* kernel_;
  ptrdiff_t* taps_ = nullptr;
  const T** weights_ = nullptr;
  Member* members_ = nullptr;
};

template <class T>
void forward(const ConvForward<T>& a) {
  const ConvShape& s = a.shape;
  DepthwisePass<T> pass(s, a.x, s.in, s.channels, forward_pass(s), a.kernel);
  pass.run(team_for(work_of(s)), s.out, a.bias, [&](ptrdiff_t row, const auto& f, Vec<T> v) {
    if (a.activation != Activation::kLinear) v = activate<T>(a.activation, v);
    f.put(a.y + row * s.filters, v);
  });
}

// Several filters a channel: their gradients of x, one by one, and then their sum.
template <class T>
void add_filters(const ConvInput<T>& a, const T* each) {
  const ConvShape& s = a.shape;
  const int filters = s.filters / s.channels;
  const ptrdiff_t pixels =
      static_cast<ptrdiff_t>(s.batch) * s.in[0] * s.in[1] * static_cast<ptrdiff_t>(s.in[2]);
  share_items(pixels, 16, 2.0 * s.filters, [&](ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t p = begin; p < end; ++p) {
      T* dx = a.dx + p * s.channels;
      for (int c = 0; c < s.channels; ++c) {
        const T* from = each + p * s.filters + c * filters;
        T sum = a.bias ? a.bias[c] : T(0);
        for (int j = 0; j < filters; ++j) sum += from[j];
        dx[c] = sum;
      }
      if (a.activation == Activation::kLinear) continue;
      for_each_slice<T>(0, s.channels,
                        [&](auto f) { f.put(dx, activate<T>(a.activation, f.get(dx))); });
    }
  });
}

template <class T>
void input(const ConvInput<T>& a) {
  const ConvShape& s = a.shape;
  const bool several = s.filters > s.channels;
  const size_t pixels = static_cast<size_t>(s.batch) * s.in[0] * s.in[1] * s.in[2];
  const Buffer memory(several ? pixels * s.filters * sizeof(T) : 0);
  T* each = several ? reinterpret_cast<T*>(memory.bytes()) : a.dx;
  for (long phase = 0; phase < phase_count(s); ++phase) {
    const Pass pass = input_pass(s, phase);
    if (pass.empty()) continue;
    DepthwisePass<T> run(s, a.dz, s.out, s.filters, pass, a.kernel);
    run.run(team_for(work_of(s)), s.in, several ? nullptr : a.bias,
            [&](ptrdiff_t row, const auto& f, Vec<T> v) {
              if (!several && a.activation != Activation::kLinear) {
                v = activate<T>(a.activation, v);
              }
              f.put(each + row * s.filters, v);
            });
  }
  if (several) add_filters(a, each);
}

// The kernel's gradient, summed over slices of the pixels: each by one member, added in order.
template <class T>
class DepthwiseGradient {
 public:
  explicit DepthwiseGradient(const ConvWeights<T>& args)
      : args_(args),
        s_(args.shape),
        pass_(forward_pass(s_)),
        bands_(pass_, s_.batch, 4 * kBandPixels),
        source_(args.x, s_.in, s_.channels, s_.filters / s_.channels, pass_, bands_),
        slices_(bands_.count() < kSlices ? bands_.count() : kSlices) {}
  DepthwiseGradient(const DepthwiseGradient&) = delete;
  DepthwiseGradient& operator=(const DepthwiseGradient&) = delete;

  void run(int threads) {
    Layout measure;
    lay_out(measure, threads);
    const Buffer memory(measure.size());
    Layout layout(memory.bytes());
    lay_out(layout, threads);
    for (int tap = 0; tap < pass_.taps(); ++tap) taps_[tap] = source_.tap(tap);
    auto body = [&](const Team& team) {
      const Member& me = members_[team.rank()];
      team.each(slices_, [&](int slice) {
        T* sums = slice_sums(slice);
        __builtin_memset(sums, 0, sizeof(T) * slice_size());
        for (int i = first_band(slice); i < first_band(slice + 1); ++i) {
          add_band(bands_[i], me, sums);
        }
      });
    };
    run_team(threads, body);
    add_slices(args_.dkernel, 0, static_cast<ptrdiff_t>(pass_.taps()) * s_.filters);
    if (args_.dbias) {
      add_slices(args_.dbias, static_cast<ptrdiff_t>(pass_.taps()) * s_.filters, s_.filters);
    }
  }

 private:
  struct Member {
    T* copy;
    const T** rows;
  };

  void lay_out(Layout& layout, int team) {
    taps_ = layout.take<ptrdiff_t>(pass_.taps());
    members_ = layout.take<Member>(team);
    for (int i = 0; i < team; ++i) {
      Member m;
      m.copy = layout.take<T>(source_.copy_size());
      m.rows = layout.take<const T*>(bands_.pixels());
      if (members_) members_[i] = m;
    }
    sums_ = layout.take<T>(slices_ * slice_size());
  }

  size_t slice_size() const { return static_cast<size_t>(pass_.taps() + 1) * s_.filters; }
  T* slice_sums(int slice) const { return sums_ + slice * slice_size(); }
  int first_band(int slice) const {
    return static_cast<int>(static_cast<long>(bands_.count()) * slice / slices_);
  }

  void add_band(const Band& band, const Member& me, T* sums) const {
    for (int i = 0; i < source_.copied_rows(band); ++i) source_.fill(band, i, me.copy);
    const T* base = source_.base(band, me.copy);
    int count = 0;
    const T* dz = nullptr;
    for_each_pixel(band, pass_, source_, s_.out, [&](int p, ptrdiff_t from, ptrdiff_t row) {
      me.rows[p] = base + from;
      if (p == 0) dz = args_.dy + row * s_.filters;
      ++count;
    });
    for_each_slice<T>(0, s_.filters, [&](auto f) {
      for (int tap = 0; tap < pass_.taps(); tap += kTapBlock) {
        const int taps = pass_.taps() - tap < kTapBlock ? pass_.taps() - tap : kTapBlock;
        if (taps == kTapBlock) {
          add_taps<kTapBlock>(f, tap, me.rows, count, dz, sums);
        } else {
          for (int i = 0; i < taps; ++i) add_taps<1>(f, tap + i, me.rows, count, dz, sums);
        }
      }
      T* bias = sums + static_cast<size_t>(pass_.taps()) * s_.filters;
      Vec<T> total = f.get(bias);
      for (int p = 0; p < count; ++p) total += f.get(dz + static_cast<ptrdiff_t>(p) * s_.filters);
      f.put(bias, total);
    });
  }

  template <int kTaps, class F>
  FASTRNN_INLINE void add_taps(const F& f, int tap, const T* const* rows, int count, const T* dz,
                               T* sums) const {
    Vec<T> acc[kTaps];
    for (int i = 0; i < kTaps; ++i) acc[i] = f.get(sums + (tap + i) * s_.filters);
    for (int p = 0; p < count; ++p) {
      const Vec<T> d = f.get(dz + static_cast<ptrdiff_t>(p) * s_.filters);
#pragma GCC unroll 8
      for (int i = 0; i < kTaps; ++i) acc[i] += f.get(rows[p] + taps_[tap + i]) * d;
    }
    for (int i = 0; i < kTaps; ++i) f.put(sums + (tap + i) * s_.filters, acc[i]);
  }

  void add_slices(T* out, ptrdiff_t from, ptrdiff_t count) const {
    for_each_slice<T>(0, count, [&](auto f) {
      Vec<T> sum = f.get(slice_sums(0) + from);
      for (int i = 1; i < slices_; ++i) sum += f.get(slice_sums(i) + from);
      f.put(out, sum);
    });
  }

  const ConvWeights<T>& args_;
  const ConvShape& s_;
  Pass pass_;
  Bands bands_;
  Source<T> source_;
  int slices_;
  ptrdiff_t* taps_ = nullptr;
  Member* members_ = nullptr;
  T* sums_ = nullptr;
};

template <class T>
void kernel_gradient(const ConvWeights<T>& args) {
  DepthwiseGradient<T>(args).run(team_for(work_of(args.shape)));
}

ConvAlgorithm algorithm(const ConvShape&) { return ConvAlgorithm::kDirect; }

template <class T>
constexpr ConvFunctions<T> kFunctions = {forward<T>, input<T>, kernel_gradient<T>};

}  // namespace

const ConvTable* depthwise_table() {
  static constexpr ConvTable table = {kFunctions<float>, kFunctions<double>, algorithm};
  return &table;
}

FASTRNN_ISA_END
