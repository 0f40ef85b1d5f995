// Shared by the forward and backward time loops: how work is divided, and row bookkeeping.
#pragma once

#include "cpu/parallel.h"
#include "cpu/step.h"
#include "cpu/tables.h"

FASTRNN_ISA_BEGIN
namespace {

struct Span {
  int begin;
  int end;
};

// A member's part of the work of every step: its rows with all units, without any barrier in the
// time loop; or all rows with its units, a barrier a step. By units where a team has too few rows
// to fill its tiles, and where the weights are so large that reading only a part of them saves more
// than the barrier costs.
struct Division {
  bool by_units;
  Span rows;
  Span units;
};

// Weights of this size a core can read again at every step without much waiting.
constexpr size_t kLightWeights = size_t{4} << 20;

// Fewer rows a member than this are shared by units.
constexpr int kFewRows = 4;

inline Division divide(const Team& team, int batch, int hidden, int grain, size_t weight_bytes) {
  Division d{false, {0, batch}, {0, hidden}};
  if (team.size() == 1) return d;
  const bool few_rows = batch < kFewRows * team.size();
  const bool heavy = weight_bytes > kLightWeights && hidden >= 2 * grain * team.size();
  d.by_units = few_rows || heavy;
  if (d.by_units) {
    team.share(hidden, grain, &d.units.begin, &d.units.end);
  } else {
    team.share(batch, 1, &d.rows.begin, &d.rows.end);
  }
  return d;
}

// The team for `work` operations in all; a barrier a step where the batch is shared by units.
inline int team_for_steps(double work, int batch, int steps) {
  return batch < kFewRows * num_threads() ? team_for(work, work / steps) : team_for(work);
}

template <class T>
FASTRNN_INLINE void copy(T* to, const T* from, Span s) {
  if (s.end > s.begin)
    __builtin_memcpy(to + s.begin, from + s.begin, sizeof(T) * (s.end - s.begin));
}

template <class T>
FASTRNN_INLINE void clear(T* to, Span s) {
  if (s.end > s.begin) __builtin_memset(to + s.begin, 0, sizeof(T) * (s.end - s.begin));
}

template <class T>
FASTRNN_INLINE void add(T* to, const T* from, Span s) {
  int j = s.begin;
  for (; j + kLanes<T> <= s.end; j += kLanes<T>) store(to + j, load(to + j) + load(from + j));
  for (; j < s.end; ++j) to[j] += from[j];
}

// Asks for the cache lines of [from, from + count) ahead of their use; null is no harm.
template <class T>
FASTRNN_INLINE void prefetch(const T* from, int count) {
  constexpr int kLine = 64 / static_cast<int>(sizeof(T));
  for (int j = 0; j < count; j += kLine) __builtin_prefetch(from + j);
}

template <class T>
FASTRNN_INLINE const T* zoneout_row(const T* base, ptrdiff_t per_batch, ptrdiff_t per_step, int n,
                                    int t) {
  return base ? base + n * per_batch + t * per_step : nullptr;
}

}  // namespace
FASTRNN_ISA_END
