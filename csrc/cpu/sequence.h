// Shared by the forward and backward time loops: how work is divided, and row bookkeeping.
#pragma once

#include "cpu/parallel.h"
#include "cpu/step.h"

FASTRNN_ISA_BEGIN
namespace {

// The memory gradients of a cell with c; zero-size elsewhere.
struct Span {
  int begin;
  int end;
};

// A member's part of the work of every step: its rows with all units, without any barrier in the
// time loop; or all rows with its units, a barrier a step. By units where a team has too few rows
// to fill its tiles, and where the weights overflow one core's second-level cache but halves of
// them would not.
struct Division {
  bool by_units;
  Span rows;
  Span units;
};

constexpr size_t kSecondLevelCache = size_t{1} << 20;

inline Division divide(const Team& team, int batch, int hidden, int grain, size_t weight_bytes) {
  Division d{false, {0, batch}, {0, hidden}};
  if (team.size() == 1) return d;
  const bool few_rows = batch < kMaxRows * team.size();
  const bool heavy = weight_bytes > kSecondLevelCache && hidden >= 2 * grain * team.size();
  d.by_units = few_rows || heavy;
  if (d.by_units) {
    team.share(hidden, grain, &d.units.begin, &d.units.end);
  } else {
    team.share(batch, 1, &d.rows.begin, &d.rows.end);
  }
  return d;
}

template <class T>
FASTRNN_INLINE void copy(T* to, const T* from, Span s) {
  if (s.end > s.begin) __builtin_memcpy(to + s.begin, from + s.begin, sizeof(T) * (s.end - s.begin));
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

template <class T>
FASTRNN_INLINE const T* zoneout_row(const T* base, ptrdiff_t per_batch, ptrdiff_t per_step, int n,
                                    int t) {
  return base ? base + n * per_batch + t * per_step : nullptr;
}

}  // namespace
FASTRNN_ISA_END
