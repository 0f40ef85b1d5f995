// Connectionist temporal classification: docs/equations.md#ctc. Part of fastrnn.h.
//
// All arrays are contiguous; T is float or double. No output overlaps an input. Sequences are
// shared among threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastrnn {

// losses[n] = -log of the probability that softmax(logits[n]) gives the labels of n; infinite where
// no alignment exists. dlogits: the gradient of each loss, zero where the loss is infinite and past
// the length of the sequence.
template <class T>
struct CtcLoss {
  std::ptrdiff_t batch, steps, classes;
  std::ptrdiff_t width;               // columns of labels
  std::int64_t blank;                 // within [0, classes)
  const T* logits;                    // in (batch, steps, classes)
  const std::int64_t* labels;         // in (batch, width), within [0, classes), none of them blank
  const std::int64_t* logit_lengths;  // in (batch), within [0, steps]
  const std::int64_t* label_lengths;  // in (batch), within [0, width]
  T* losses;                          // out (batch)
  T* dlogits;                         // out (batch, steps, classes), or null: not wanted
};

// The labels that are likeliest, by the best class of each step (beam_width 0) or by a search over
// prefixes that keeps the beam_width best of each step (Graves 2012, section 7.5; Hannun et al.
// 2014, algorithm 1).
template <class T>
struct CtcDecode {
  std::ptrdiff_t batch, steps, classes;
  std::int64_t blank;
  const T* logits;              // in (batch, steps, classes)
  const std::int64_t* lengths;  // in (batch), within [0, steps]
  int beam_width;
  int paths;             // answers per sequence, the likeliest first; 1 where beam_width is 0
  bool merge_repeated;   // beam_width 0 only: labels that follow each other count once
  std::int64_t* labels;  // out (paths, batch, steps), -1 past the end
  T* scores;             // out (batch, paths): log-probabilities, of the steps' classes or of the
                         // labels; -inf where there are fewer answers
};

template <class T>
void ctc_loss(const CtcLoss<T>& args);
template <class T>
void ctc_decode(const CtcDecode<T>& args);

// One instruction set's copies of the first.
struct CtcTable {
  void (*f32)(const CtcLoss<float>&);
  void (*f64)(const CtcLoss<double>&);
};

}  // namespace fastrnn
