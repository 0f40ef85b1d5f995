// The convolutional LSTM over time (Shi et al. 2015). Part of fastrnn.h.
//
// All arrays are contiguous, channels last. Frames are (batch, steps, out..., channels), states
// (batch, out..., channels) with F channels; the gates i, f, g, o are blocks of 4 F channels. T is
// float or double. Sizes are positive. No output overlaps an input.
//
//   z = input's part + conv(h', R)       i, f = s(z_i + p_i c'), s(z_f + p_f c')
//   g = a(z_g)                           c = f c' + i g
//   o = s(z_o + p_o c)                   h = o a(c)
// with h', c' of the step before, s the gate activation, a the activation, and peepholes p a pixel.
#pragma once

#include <cstdint>

#include "convolution.h"

namespace fastrnn {

struct ConvLstmConfig {
  // Of the recurrent convolution over the frames of one step: channels F, filters 4 F, in = out.
  ConvShape shape;
  int steps;
  bool reverse;  // from the last step to the first
  Activation activation;
  Activation gate_activation;
};

template <class T>
struct ConvLstmForward {
  ConvLstmConfig config;
  const T* recurrent;        // (kernel..., F, 4 F)
  const T* peephole;         // (3, out..., F) for i, f, o, or null
  const std::uint8_t* mask;  // (batch, steps): steps with 0 carry the state on; or null
  const T* h0;               // or null: zeros
  const T* c0;               // or null: zeros
  T* gates;                  // in: the input's part; out: the gates, where `save`
  T* y;                      // h of every step
  T* c;                      // of every step where `save`, else of the last one
  bool save;
};

template <class T>
struct ConvLstmBackward {
  ConvLstmConfig config;
  const T* recurrent;
  const T* peephole;
  const std::uint8_t* mask;
  const T* c0;     // or null: zeros
  const T* gates;  // as the forward pass saved them
  const T* c;
  const T* dy;   // or null: zeros
  T* dz;         // out: of the sums; that of the input's part, too
  T* dh;         // in: of the last h, out: of h0
  T* dc;         // likewise
  T* dpeephole;  // out, where there are peepholes
};

template <class T>
void conv_lstm_forward(const ConvLstmForward<T>& args);
template <class T>
void conv_lstm_backward(const ConvLstmBackward<T>& args);

// One instruction set's copies of the functions above.
template <class T>
struct ConvLstmFunctions {
  void (*forward)(const ConvLstmForward<T>&);
  void (*backward)(const ConvLstmBackward<T>&);
};

struct ConvLstmTable {
  ConvLstmFunctions<float> f32;
  ConvLstmFunctions<double> f64;
};

}  // namespace fastrnn
