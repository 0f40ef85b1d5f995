// The likeliest labels under CTC: ctc.h says which. Plain C++: what takes time is to choose.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <new>
#include <unordered_map>
#include <vector>

#include "cpu/parallel.h"
#include "ctc.h"

namespace fastrnn {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  const double high = std::max(a, b);
  return high == kNever ? kNever : high + std::log1p(std::exp(std::min(a, b) - high));
}

template <class T>
void log_softmax(std::ptrdiff_t classes, const T* logits, double* log_probs) {
  const double top = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (std::ptrdiff_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - top);
  for (std::ptrdiff_t c = 0; c < classes; ++c) log_probs[c] = logits[c] - top - std::log(sum);
}

// A prefix as a node of the tree of all prefixes. Each has one node for good, so that a prefix
// that comes back into the beam is not there twice.
struct Prefix {
  int parent;
  int label;
  int slot;  // its place in the beam, or -1
};

struct Entry {
  int prefix;
  double blank, label;  // log-probability of the alignments that end in a blank, in the label
  double total() const { return log_add(blank, label); }
};

// An entry of the next beam: the prefix of `slot` as it is (label -1), or longer by a label.
struct Candidate {
  double score;
  int slot, label;
};

class BeamSearch {
 public:
  BeamSearch(std::ptrdiff_t classes, std::ptrdiff_t blank, int width)
      : classes_(classes), blank_(blank), width_(static_cast<std::size_t>(width)) {}

  void start() {
    prefixes_.assign(1, {-1, -1, 0});
    children_.clear();
    beam_.assign(1, {0, 0.0, kNever});
  }

  void step(const double* log_probs) {
    const std::size_t size = beam_.size();
    kept_.resize(size);
    candidates_.clear();
    taken_.assign(size * static_cast<std::size_t>(classes_), 0);
    for (std::size_t i = 0; i < size; ++i) {
      const Prefix& prefix = prefixes_[static_cast<std::size_t>(beam_[i].prefix)];
      Entry& kept = kept_[i] = {beam_[i].prefix, beam_[i].total() + log_probs[blank_], kNever};
      if (prefix.label < 0) continue;
      kept.label = beam_[i].label + log_probs[prefix.label];
      const int from = prefixes_[static_cast<std::size_t>(prefix.parent)].slot;
      if (from < 0) continue;
      kept.label = log_add(kept.label, longer(from, prefix.label) + log_probs[prefix.label]);
      taken_[at(from, prefix.label)] = 1;
    }
    for (std::size_t i = 0; i < size; ++i) {
      const int slot = static_cast<int>(i);
      candidates_.push_back({kept_[i].total(), slot, -1});
      const double total = beam_[i].total();
      for (int c = 0; c < classes_; ++c) {
        if (c == blank_ || taken_[at(slot, c)]) continue;
        const bool again = c == prefixes_[static_cast<std::size_t>(beam_[i].prefix)].label;
        const double score = (again ? beam_[i].blank : total) + log_probs[c];
        if (score > kNever) candidates_.push_back({score, slot, c});
      }
    }
    choose(candidates_);
    for (const Entry& entry : beam_) prefixes_[static_cast<std::size_t>(entry.prefix)].slot = -1;
    next_.clear();
    for (const Candidate& c : candidates_) {
      const Entry& kept = kept_[static_cast<std::size_t>(c.slot)];
      next_.push_back(c.label < 0 ? kept : Entry{child(kept.prefix, c.label), kNever, c.score});
    }
    beam_.swap(next_);
    for (std::size_t i = 0; i < beam_.size(); ++i) {
      prefixes_[static_cast<std::size_t>(beam_[i].prefix)].slot = static_cast<int>(i);
    }
  }

  // The labels of the best but `rank` prefix, backwards; its log-probability, -inf if there is
  // none.
  double result(std::size_t rank, std::vector<std::int64_t>* labels) {
    labels->clear();
    if (rank == 0) {
      std::ranges::stable_sort(
          beam_, [](const Entry& a, const Entry& b) { return a.total() > b.total(); });
    }
    if (rank >= beam_.size()) return kNever;
    for (int p = beam_[rank].prefix; p > 0; p = prefixes_[static_cast<std::size_t>(p)].parent) {
      labels->push_back(prefixes_[static_cast<std::size_t>(p)].label);
    }
    return beam_[rank].total();
  }

 private:
  std::size_t at(int slot, int label) const {
    return static_cast<std::size_t>(slot) * static_cast<std::size_t>(classes_) +
           static_cast<std::size_t>(label);
  }

  // What an entry of the beam gives to the prefix that is longer by a label: between two equal
  // labels there must be a blank.
  double longer(int slot, int label) const {
    const Entry& entry = beam_[static_cast<std::size_t>(slot)];
    const bool again = prefixes_[static_cast<std::size_t>(entry.prefix)].label == label;
    return again ? entry.blank : entry.total();
  }

  int child(int prefix, int label) {
    const auto [found, added] =
        children_.try_emplace(at(prefix, label), static_cast<int>(prefixes_.size()));
    if (added) prefixes_.push_back({prefix, label, -1});
    return found->second;
  }

  // Keeps the best; among equals those that came first.
  void choose(std::vector<Candidate>& all) const {
    const auto better = [](const Candidate& a, const Candidate& b) {
      if (a.score != b.score) return a.score > b.score;
      return a.slot != b.slot ? a.slot < b.slot : a.label < b.label;
    };
    if (all.size() > width_) {
      const auto end = all.begin() + static_cast<std::ptrdiff_t>(width_);
      std::nth_element(all.begin(), end, all.end(), better);
      all.erase(end, all.end());
    }
    std::ranges::sort(all, better);
  }

  std::ptrdiff_t classes_, blank_;
  std::size_t width_;
  std::vector<Prefix> prefixes_;
  std::unordered_map<std::size_t, int> children_;
  std::vector<Entry> beam_, kept_, next_;
  std::vector<Candidate> candidates_;
  std::vector<char> taken_;
};

template <class T>
void greedy(const CtcDecode<T>& a, std::ptrdiff_t n, std::vector<double>& log_probs) {
  double score = 0;
  std::int64_t last = a.blank;
  std::int64_t* out = a.labels + n * a.steps;
  for (std::ptrdiff_t t = 0; t < a.lengths[n]; ++t) {
    log_softmax(a.classes, a.logits + (n * a.steps + t) * a.classes, log_probs.data());
    const auto best = std::ranges::max_element(log_probs);
    const std::int64_t label = best - log_probs.begin();
    score += *best;
    if (label != a.blank && !(a.merge_repeated && label == last)) *out++ = label;
    last = label;
  }
  a.scores[n] = static_cast<T>(score);
}

template <class T>
void search(const CtcDecode<T>& a, std::ptrdiff_t n, std::vector<double>& log_probs,
            BeamSearch& beam, std::vector<std::int64_t>& labels) {
  beam.start();
  for (std::ptrdiff_t t = 0; t < a.lengths[n]; ++t) {
    log_softmax(a.classes, a.logits + (n * a.steps + t) * a.classes, log_probs.data());
    beam.step(log_probs.data());
  }
  for (int k = 0; k < a.paths; ++k) {
    a.scores[n * a.paths + k] = static_cast<T>(beam.result(static_cast<std::size_t>(k), &labels));
    std::copy(labels.rbegin(), labels.rend(), a.labels + (k * a.batch + n) * a.steps);
  }
}

}  // namespace

template <class T>
void ctc_decode(const CtcDecode<T>& a) {
  std::fill(a.labels, a.labels + a.paths * a.batch * a.steps, std::int64_t{-1});
  std::atomic<bool> failed{false};  // an exception must not leave a worker
  auto member = [&](const Team& team) {
    try {
      std::vector<double> log_probs(static_cast<std::size_t>(a.classes));
      std::vector<std::int64_t> labels;
      BeamSearch beam(a.classes, a.blank, a.beam_width);
      team.each(static_cast<int>(a.batch), [&](int n) {
        if (a.beam_width == 0) {
          greedy(a, n, log_probs);
        } else {
          search(a, n, log_probs, beam, labels);
        }
      });
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  };
  const double steps = static_cast<double>(a.batch * a.steps);
  run_team(team_for(steps * static_cast<double>(a.classes) * (20 + 10.0 * a.beam_width)), member);
  if (failed) throw std::bad_alloc();
}

template void ctc_decode<float>(const CtcDecode<float>&);
template void ctc_decode<double>(const CtcDecode<double>&);

}  // namespace fastrnn
