// The convolutional LSTM's loop over time: conv_lstm.h says what it computes. The recurrent kernel
// is packed once. A step is the recurrent convolution of all its frames, which a team shares by
// bands, a barrier, then the gates, shared by blocks of pixels, and a barrier.
#include "conv_lstm.h"

#include "cpu/pixel_product.h"
#include "cpu/slices.h"

FASTRNN_ISA_BEGIN
namespace {

// Operations of the gates of one unit, about.
constexpr double kGateWork = 100;
// Units in a block of pixels.
constexpr int kBlockUnits = 2048;

// Where things lie.
struct Places {
  explicit Places(const ConvLstmConfig& config)
      : c(config),
        units(c.shape.channels),
        pixels(static_cast<ptrdiff_t>(c.shape.out[0]) * c.shape.out[1] * c.shape.out[2]),
        state(pixels * units) {
    const ptrdiff_t wanted = kBlockUnits / (static_cast<ptrdiff_t>(units) * c.shape.batch);
    block = wanted < 1 ? 1 : wanted;
    blocks = static_cast<int>((pixels + block - 1) / block);
  }

  // The step that is done as number k.
  int step(int k) const { return c.reverse ? c.steps - 1 - k : k; }
  // A frame of states; with 4 a unit, of gates.
  ptrdiff_t frame(int image, int step) const {
    return (static_cast<ptrdiff_t>(image) * c.steps + step) * state;
  }

  int threads() const {
    const double work = work_of(c.shape) + kGateWork * static_cast<double>(state) * c.shape.batch;
    return team_for(work * c.steps, work / 2);
  }

  // body(image, pixel) for all pixels of all frames of a step; a pixel's images are one member's.
  template <class Body>
  void each_pixel(const Team& team, const Body& body) const {
    team.each(blocks, [&](int i) {
      const ptrdiff_t begin = i * block, end = begin + block < pixels ? begin + block : pixels;
      for (int n = 0; n < c.shape.batch; ++n) {
        for (ptrdiff_t p = begin; p < end; ++p) body(n, p);
      }
    });
  }

  const ConvLstmConfig& c;
  int units;
  ptrdiff_t pixels, state;
  ptrdiff_t block;  // pixels that a member does at a time
  int blocks;
};

template <class T>
class Forward {
 public:
  explicit Forward(const ConvLstmForward<T>& args)
      : a_(args),
        at_(args.config),
        images_{shape().batch,   a_.h0, shape().in, shape().channels,    a_.gates, shape().out,
                shape().filters, 1,     nullptr,    Activation::kLinear, false},
        product_(images_, forward_pass(shape())) {}
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  void run() {
    const int threads = at_.threads();
    const Buffer memory = product_.allocate(threads);
    auto body = [&](const Team& team) {
      if (team.rank() == 0) product_.fill_table();
      product_.pack(shape(), a_.recurrent, team);
      team.barrier();
      for (int k = 0; k < at_.c.steps; ++k) {
        if (k > 0 || a_.h0) {
          product_.run(team, frames(k));
          team.barrier();
        }
        at_.each_pixel(team, [&](int n, ptrdiff_t p) { gates(k, n, p); });
        team.barrier();
      }
    };
    run_team(threads, body);
  }

 private:
  const ConvShape& shape() const { return a_.config.shape; }

  Frames<T> frames(int k) const {
    const ptrdiff_t apart = at_.c.steps * at_.state;
    T* out = a_.gates + 4 * at_.frame(0, at_.step(k));
    const ptrdiff_t out_image = at_.c.steps * at_.pixels;
    if (k == 0) return {a_.h0, at_.state, out, out_image, true};
    return {a_.y + at_.frame(0, at_.step(k - 1)), apart, out, out_image, true};
  }

  void gates(int k, int n, ptrdiff_t p) const {
    const int step = at_.step(k), units = at_.units;
    const ptrdiff_t row = p * units, frame = at_.frame(n, step) + row;
    const ptrdiff_t before = k == 0 ? 0 : at_.frame(n, at_.step(k - 1)) + row;
    const ptrdiff_t state = n * at_.state + row;
    T* h = a_.y + frame;
    T* c = a_.c + (a_.save ? frame : state);
    const T* c_prev = k > 0 ? a_.c + (a_.save ? before : state) : a_.c0 ? a_.c0 + state : nullptr;
    if (a_.mask && !a_.mask[static_cast<ptrdiff_t>(n) * at_.c.steps + step]) {
      const T* h_prev = k > 0 ? a_.y + before : a_.h0 ? a_.h0 + state : nullptr;
      for_each_slice<T>(0, units, [&](auto s) {
        s.put(h, h_prev ? s.get(h_prev) : Vec<T>{});
        s.put(c, c_prev ? s.get(c_prev) : Vec<T>{});
      });
      return;
    }
    const Activation gate = at_.c.gate_activation, activation = at_.c.activation;
    T* z = a_.gates + 4 * frame;
    const T* peephole = a_.peephole ? a_.peephole + row : nullptr;
    for_each_slice<T>(0, units, [&](auto s) {
      const Vec<T> past = c_prev ? s.get(c_prev) : Vec<T>{};
      Vec<T> i = s.get(z), f = s.get(z + units), o = s.get(z + 3 * units);
      if (peephole) {
        i += s.get(peephole) * past;
        f += s.get(peephole + at_.state) * past;
      }
      i = activate<T>(gate, i);
      f = activate<T>(gate, f);
      const Vec<T> g = activate<T>(activation, s.get(z + 2 * units));
      const Vec<T> now = f * past + i * g;
      if (peephole) o += s.get(peephole + 2 * at_.state) * now;
      o = activate<T>(gate, o);
      s.put(c, now);
      s.put(h, o * activate<T>(activation, now));
      if (!a_.save) return;
      s.put(z, i);
      s.put(z + units, f);
      s.put(z + 2 * units, g);
      s.put(z + 3 * units, o);
    });
  }

  const ConvLstmForward<T>& a_;
  Places at_;
  Images<T> images_;
  PixelProduct<T> product_;
};

template <class T>
class Backward {
 public:
  explicit Backward(const ConvLstmBackward<T>& args)
      : a_(args),
        at_(args.config),
        images_{shape().batch,    a_.dz, shape().out, shape().filters,     a_.dh, shape().in,
                shape().channels, 1,     nullptr,     Activation::kLinear, false},
        product_(images_, input_pass(shape(), 0)) {}
  Backward(const Backward&) = delete;
  Backward& operator=(const Backward&) = delete;

  void run() {
    const int threads = at_.threads();
    const Buffer memory = product_.allocate(threads);
    auto body = [&](const Team& team) {
      if (team.rank() == 0) product_.fill_table();
      product_.pack_transpose(shape(), a_.recurrent, team);
      for (int k = at_.c.steps - 1; k >= 0; --k) {
        at_.each_pixel(team, [&](int n, ptrdiff_t p) { gates(k, n, p); });
        team.barrier();
        // A masked frame's gradient waits in dh for the step before; its dz is zero.
        const T* dz = a_.dz + 4 * at_.frame(0, at_.step(k));
        product_.run(team,
                     {dz, 4 * at_.c.steps * at_.state, a_.dh, at_.pixels, a_.mask != nullptr});
        team.barrier();
      }
    };
    run_team(threads, body);
  }

 private:
  const ConvShape& shape() const { return a_.config.shape; }

  void gates(int k, int n, ptrdiff_t p) const {
    const int step = at_.step(k), units = at_.units;
    const ptrdiff_t row = p * units, frame = at_.frame(n, step) + row;
    const ptrdiff_t state = n * at_.state + row;
    const bool first = k == at_.c.steps - 1 && n == 0;  // that adds to the peepholes' gradient
    T* dh = a_.dh + state;
    T* dc = a_.dc + state;
    T* dz = a_.dz + 4 * frame;
    T* dpeephole = a_.dpeephole ? a_.dpeephole + row : nullptr;
    const T* dy = a_.dy ? a_.dy + frame : nullptr;
    if (a_.mask && !a_.mask[static_cast<ptrdiff_t>(n) * at_.c.steps + step]) {
      for_each_slice<T>(0, units, [&](auto s) {
        if (dy) s.put(dh, s.get(dh) + s.get(dy));
        for (int g = 0; g < 4; ++g) s.put(dz + g * units, Vec<T>{});
        if (!dpeephole || !first) return;
        for (int g = 0; g < 3; ++g) s.put(dpeephole + g * at_.state, Vec<T>{});
      });
      return;
    }
    const Activation gate = at_.c.gate_activation, activation = at_.c.activation;
    const T* c = a_.c + frame;
    const T* c_prev = k > 0   ? a_.c + at_.frame(n, at_.step(k - 1)) + row
                      : a_.c0 ? a_.c0 + state
                              : nullptr;
    const T* saved = a_.gates + 4 * frame;
    const T* peephole = a_.peephole ? a_.peephole + row : nullptr;
    for_each_slice<T>(0, units, [&](auto s) {
      const Vec<T> i = s.get(saved), f = s.get(saved + units);
      const Vec<T> g = s.get(saved + 2 * units), o = s.get(saved + 3 * units);
      const Vec<T> past = c_prev ? s.get(c_prev) : Vec<T>{};
      const Vec<T> now = s.get(c), out = activate<T>(activation, now);
      Vec<T> d_h = s.get(dh), d_c = s.get(dc);
      if (dy) d_h += s.get(dy);
      const Vec<T> d_o = d_h * out * activation_gradient<T>(gate, o);
      d_c += d_h * o * activation_gradient<T>(activation, out);
      if (peephole) d_c += d_o * s.get(peephole + 2 * at_.state);
      const Vec<T> d_i = d_c * g * activation_gradient<T>(gate, i);
      const Vec<T> d_f = d_c * past * activation_gradient<T>(gate, f);
      const Vec<T> d_g = d_c * i * activation_gradient<T>(activation, g);
      d_c *= f;
      if (peephole) {
        d_c += d_i * s.get(peephole) + d_f * s.get(peephole + at_.state);
        const Vec<T> sums[3] = {d_i * past, d_f * past, d_o * now};
        for (int j = 0; j < 3; ++j) {
          T* to = dpeephole + j * at_.state;
          s.put(to, first ? sums[j] : s.get(to) + sums[j]);
        }
      }
      s.put(dz, d_i);
      s.put(dz + units, d_f);
      s.put(dz + 2 * units, d_g);
      s.put(dz + 3 * units, d_o);
      s.put(dc, d_c);
      if (a_.mask) s.put(dh, Vec<T>{});
    });
  }

  const ConvLstmBackward<T>& a_;
  Places at_;
  Images<T> images_;
  PixelProduct<T> product_;
};

template <class T>
void forward(const ConvLstmForward<T>& args) {
  Forward<T>(args).run();
}

template <class T>
void backward(const ConvLstmBackward<T>& args) {
  Backward<T>(args).run();
}

template <class T>
constexpr ConvLstmFunctions<T> kFunctions = {forward<T>, backward<T>};

}  // namespace

const ConvLstmTable* conv_lstm_table() {
  static constexpr ConvLstmTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
