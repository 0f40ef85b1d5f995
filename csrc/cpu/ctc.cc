// The forward-backward algorithm of CTC in log space (Graves et al. 2006); ctc.h says what for.
//
// L labels have L + 1 blanks around them. Blank i lies before label i, so that a step is
//   either[i] = log(e^blank[i] + e^label[i - 1])
//   blank[i]' = either[i] + log p(blank)
//   label[i]' = log(e^label[i] + e^(may skip blank i ? either[i] : blank[i])) + log p(label i)
// two additions of logarithms a label, over registers of neighbouring states. Each step's values
// are relative to the largest of the step before; the sum of those is kept in double, so that long
// sequences lose no precision.
#include "ctc.h"

#include "cpu/buffer.h"
#include "cpu/rows.h"

FASTRNN_ISA_BEGIN
namespace {

// log 0: finite, so that the difference of two is 0, and small enough to swallow what is added.
template <class T>
constexpr T kNever = T(-1e30);

template <class T>
FASTRNN_INLINE Vec<T> log_add(Vec<T> a, Vec<T> b) {
  const Vec<T> high = vmax<T>(a, b);
  return high + vlog1p_unit<T>(vexp<T>(vmin<T>(a, b) - high));
}

// A sequence's states and what they need at a step. Rows are `row` elements long: whole registers
// for the L + 1 blanks, and one more that reads of neighbours may reach into.
template <class T>
struct Lattice {
  ptrdiff_t row;
  ptrdiff_t kept;  // rows of alphas: of all steps, or two in turn
  T* alphas;       // (kept, 2, row): blanks; labels from element 1 on, element 0 being none
  T* log_probs;    // (classes), where there is no gradient to keep them in
  T* emitted;      // log p(label i)
  T* skips;        // 1 where label i differs from label i - 1, else 0
  T* either;
  T* next_blank;  // of the step behind, its own emission included
  T* next_label;
  T* blank_share;  // posteriors
  T* label_share;

  Lattice(const CtcLoss<T>& a, Layout& layout)
      : row((a.width + kLanes<T>) / kLanes<T> * kLanes<T> + kLanes<T>),
        kept(a.dlogits ? a.steps + 1 : 2) {
    alphas = layout.take<T>(kept * 2 * row);
    log_probs = layout.take<T>(a.classes);
    T** const rows[] = {&emitted,    &skips,       &either,     &next_blank,
                        &next_label, &blank_share, &label_share};
    for (T** part : rows) *part = layout.take<T>(row);
  }
  T* blanks(ptrdiff_t step) const { return alphas + step % kept * 2 * row; }
  T* labels(ptrdiff_t step) const { return blanks(step) + row; }
};

template <class T>
struct Sequence {
  ptrdiff_t steps, count, classes, blank;
  const T* logits;
  const int64_t* labels;
  T* dlogits;  // or null

  // Registers that hold the states.
  ptrdiff_t end() const { return (count + kLanes<T>) / kLanes<T> * kLanes<T>; }
};

template <class T>
void fill(ptrdiff_t count, T value, T* p) {
  for (ptrdiff_t i = 0; i < count; ++i) p[i] = value;
}

template <class T>
T possible(T log_prob) {
  return log_prob < kNever<T> ? kNever<T> : log_prob;  // NaN stays
}

template <class T>
void gather_emissions(const Sequence<T>& q, const T* log_probs, const Lattice<T>& s) {
  for (ptrdiff_t i = 0; i < q.count; ++i) s.emitted[i] = possible(log_probs[q.labels[i]]);
}

// Fills s.alphas, row t + 1 after step t, and, for a gradient, q.dlogits with log-probabilities.
// Returns the log-probability of the labels, -inf where it is 0.
template <class T>
double forward(const Sequence<T>& q, const Lattice<T>& s) {
  fill(s.row, kNever<T>, s.emitted);
  fill(s.row, T(0), s.skips);
  for (ptrdiff_t i = 0; i < q.count; ++i) s.skips[i] = i > 0 && q.labels[i] != q.labels[i - 1];
  for (ptrdiff_t t = 0; t < (s.kept == 2 ? 2 : q.steps + 1); ++t) {
    fill(2 * s.row, kNever<T>, s.blanks(t));
  }
  s.blanks(0)[0] = 0;  // the only place to start from
  double sum = 0;
  T top = 0;
  for (ptrdiff_t t = 0; t < q.steps; ++t) {
    T* log_probs = q.dlogits ? q.dlogits + t * q.classes : s.log_probs;
    log_softmax(q.classes, q.logits + t * q.classes, log_probs);
    gather_emissions(q, log_probs, s);
    const T *blanks = s.blanks(t), *labels = s.labels(t);
    T *blanks_out = s.blanks(t + 1), *labels_out = s.labels(t + 1);
    const Vec<T> zero = {}, shift = set1(top), blank = set1(possible(log_probs[q.blank]) - top);
    Vec<T> tops = set1(2 * kNever<T>);
    for (ptrdiff_t i = 0; i < q.end(); i += kLanes<T>) {
      const Vec<T> before = load(blanks + i);
      const Vec<T> either = log_add<T>(before, load(labels + i));
      const Vec<T> from = select<T>(load(s.skips + i) > zero, either, before);
      const Vec<T> at_blank = either + blank;
      const Vec<T> at_label =
          log_add<T>(load(labels + i + 1), from) + (load(s.emitted + i) - shift);
      store(blanks_out + i, at_blank);
      store(labels_out + i + 1, at_label);
      tops = vmax<T>(tops, vmax<T>(at_blank, at_label));
    }
    sum += static_cast<double>(top);
    top = max_lanes<T>(tops);
    if (top < kNever<T> / 2) return -__builtin_inf();
  }
  const T blank = s.blanks(q.steps)[q.count], label = s.labels(q.steps)[q.count];
  const T ends = log_add<T>(set1(blank), set1(label))[0];
  return ends < kNever<T> / 2 ? -__builtin_inf() : sum + static_cast<double>(ends);
}

// dlogits[t] = softmax(logits[t]) - the share of each class in all alignments at step t.
template <class T>
void backward(const Sequence<T>& q, const Lattice<T>& s) {
  fill(s.row, kNever<T>, s.next_blank);
  fill(s.row, kNever<T>, s.next_label);
  fill(s.row, kNever<T>, s.either);
  s.next_blank[q.count] = 0;  // the only place to end at
  T top = 0;
  for (ptrdiff_t t = q.steps - 1; t >= 0; --t) {
    T* dlogits = q.dlogits + t * q.classes;
    gather_emissions(q, dlogits, s);
    for (ptrdiff_t i = 0; i < q.end(); i += kLanes<T>) {
      store(s.either + i, log_add<T>(load(s.next_blank + i), load(s.next_label + i)));
    }
    const T *blanks = s.blanks(t + 1), *labels = s.labels(t + 1) + 1;
    const Vec<T> zero = {}, shift = set1(top), blank = set1(possible(dlogits[q.blank]) - top);
    Vec<T> tops = set1(4 * kNever<T>), best = tops;
    for (ptrdiff_t i = 0; i < q.end(); i += kLanes<T>) {
      const Vec<T> may_skip = load(s.skips + i + 1);
      const Vec<T> to =
          select<T>(may_skip > zero, load(s.either + i + 1), load(s.next_blank + i + 1));
      const Vec<T> from_blank = load(s.either + i);
      const Vec<T> from_label = log_add<T>(load(s.next_label + i), to);
      const Vec<T> through_blank = load(blanks + i) + from_blank;
      const Vec<T> through_label = load(labels + i) + from_label;
      store(s.blank_share + i, through_blank);
      store(s.label_share + i, through_label);
      best = vmax<T>(best, vmax<T>(through_blank, through_label));
      const Vec<T> at_blank = from_blank + blank;
      const Vec<T> at_label = from_label + (load(s.emitted + i) - shift);
      store(s.next_blank + i, at_blank);
      store(s.next_label + i, at_label);
      tops = vmax<T>(tops, vmax<T>(at_blank, at_label));
    }
    top = max_lanes<T>(tops);

    const Vec<T> most = set1(max_lanes<T>(best));
    Vec<T> blank_sum = {}, label_sum = {};
    for (ptrdiff_t i = 0; i < q.end(); i += kLanes<T>) {
      const Vec<T> through_label = vexp<T>(load(s.label_share + i) - most);
      blank_sum += vexp<T>(load(s.blank_share + i) - most);
      label_sum += through_label;
      store(s.label_share + i, through_label);
    }
    for_each_slice<T>(0, q.classes, [&](auto v) { v.put(dlogits, vexp<T>(v.get(dlogits))); });
    const T at_blank = sum_lanes<T>(blank_sum);
    const T scale = T(1) / (at_blank + sum_lanes<T>(label_sum));
    dlogits[q.blank] -= at_blank * scale;
    for (ptrdiff_t i = 0; i < q.count; ++i) dlogits[q.labels[i]] -= s.label_share[i] * scale;
  }
}

template <class T>
void ctc_loss(const CtcLoss<T>& a) {
  Layout sizes;
  const Lattice<T> measured(a, sizes);
  const double step = static_cast<double>(20 * a.classes + 50 * measured.row);
  // Each thread has a lattice of its own: no more of them than there are sequences.
  const int wanted = team_for(step * static_cast<double>(a.batch * a.steps));
  const int threads = wanted < a.batch ? wanted : static_cast<int>(a.batch);
  const Buffer memory(sizes.size() * static_cast<size_t>(threads));
  auto member = [&](const Team& team) {
    Layout layout(memory.bytes() + sizes.size() * static_cast<size_t>(team.rank()));
    const Lattice<T> lattice(a, layout);
    team.each(static_cast<int>(a.batch), [&](int n) {
      const ptrdiff_t at = n * a.steps * a.classes;
      const Sequence<T> q{a.logit_lengths[n],
                          a.label_lengths[n],
                          a.classes,
                          static_cast<ptrdiff_t>(a.blank),
                          a.logits + at,
                          a.labels + n * a.width,
                          a.dlogits ? a.dlogits + at : nullptr};
      const double log_prob = forward(q, lattice);
      a.losses[n] = static_cast<T>(0 - log_prob);  // not -0
      if (!a.dlogits) return;
      const bool found = log_prob != -__builtin_inf();
      if (found) backward(q, lattice);
      const ptrdiff_t done = found ? q.steps * a.classes : 0;
      fill(a.steps * a.classes - done, T(0), q.dlogits + done);
    });
  };
  run_team(threads, member);
}

}  // namespace

const CtcTable* ctc_table() {
  static constexpr CtcTable table = {ctc_loss<float>, ctc_loss<double>};
  return &table;
}

FASTRNN_ISA_END
