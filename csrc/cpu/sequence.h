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

// Rows that are done together, and the units of them that are the member's own: all, or where the
// team shares the units, those that it copies and adds up.
struct Part {
  Span rows;
  Span units;
};

// How a sequence is divided. By rows: a track for some rows with all units, advanced a few steps at
// a time by whichever member is free, without any barrier in the time loop. By units: one track,
// the units of each step shared out, a barrier a step. By units where there are too few rows to
// fill the team's tiles, and where the weights are so large that reading only a part of them saves
// more than the barrier costs.
struct Division {
  bool by_units;
  int tracks;

  Part of_rows(int track, int batch, int hidden) const {
    return {{static_cast<int>(static_cast<long>(batch) * track / tracks),
             static_cast<int>(static_cast<long>(batch) * (track + 1) / tracks)},
            {0, hidden}};
  }
  static Part of_units(const Team& team, int batch, int hidden, int grain) {
    Part part{{0, batch}, {}};
    team.share(hidden, grain, &part.units.begin, &part.units.end);
    return part;
  }
};

// Weights of this size a core can read again at every step without much waiting.
constexpr size_t kLightWeights = size_t{4} << 20;
// And of this one, for every tile.
constexpr size_t kCachedWeights = size_t{3} << 18;

// Fewer rows a member than this are shared by units.
constexpr int kFewRows = 4;

inline Division divide(int team, int batch, int hidden, int grain, size_t weight_bytes) {
  if (team == 1) return {false, 1};
  const bool few_rows = batch < kFewRows * team;
  const bool heavy = weight_bytes > kLightWeights && hidden >= 2 * grain * team;
  if (few_rows || heavy) return {true, 1};
  const int tiles = (batch + kMaxRows - 1) / kMaxRows;
  const int most = weight_bytes > kCachedWeights ? team : 4 * team;
  return {false, tiles < most ? tiles : most};
}

// Steps after which a track may change hands, of `work` operations each: some ten microseconds, and
// few enough that the team ends together.
inline int segment_steps(int steps, double work) {
  constexpr double kShortest = 5e5;
  const int shared = (steps + 15) / 16;
  const int worth = work * steps < kShortest ? steps : static_cast<int>(kShortest / work) + 1;
  return shared > worth ? shared : worth;
}

// The team for `work` operations in all; a barrier a step where the batch is shared by units.
inline int team_for_steps(double work, int batch, int steps) {
  return batch < kFewRows * num_threads() ? team_for(work, work / steps) : team_for(work);
}

// A stage's step on all its panels, shared by the team; then a barrier.
template <class T, class Cell>
void run_panels(const Step<T, Cell>& step, const StepRows<T>& rows, T* masked, const Team& team) {
  const int count = step.geo.panels.count();
  if (team.size() == 1) {
    step.run(0, count, rows, masked);
  } else {
    team.each(count, [&](int p) { step.run(p, p + 1, rows, masked); });
    team.barrier();
  }
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
FASTRNN_INLINE void copy_or_clear(T* to, const T* from, Span s) {
  if (from) {
    copy(to, from, s);
  } else {
    clear(to, s);
  }
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
