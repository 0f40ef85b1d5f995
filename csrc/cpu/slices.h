// Walks over flat arrays and rows, a register at a time.
#pragma once

#include "cpu/parallel.h"
#include "cpu/vec.h"

FASTRNN_ISA_BEGIN
namespace {

// One register's worth of flat arrays: n elements from `at` on, n < lanes only where !kFull.
template <class T, bool kFull>
struct Slice {
  ptrdiff_t at;
  int n;
  FASTRNN_INLINE Vec<T> get(const T* p) const { return kFull ? load(p + at) : load_n(p + at, n); }
  FASTRNN_INLINE void put(T* p, Vec<T> v) const {
    if constexpr (kFull) {
      store(p + at, v);
    } else {
      store_n(p + at, v, n);
    }
  }
  // The lanes that are not in use set to `fill`.
  FASTRNN_INLINE Vec<T> only(Vec<T> v, T fill) const {
    if constexpr (kFull) {
      return v;
    } else {
      IVec<T> lane;
      for (int i = 0; i < kLanes<T>; ++i) lane[i] = i < n ? -1 : 0;
      return select<T>(lane, v, set1(fill));
    }
  }
};

// body(slice) over elements [begin, end).
template <class T, class Body>
FASTRNN_INLINE void for_each_slice(ptrdiff_t begin, ptrdiff_t end, const Body& body) {
  ptrdiff_t i = begin;
  for (; i + kLanes<T> <= end; i += kLanes<T>) body(Slice<T, true>{i, kLanes<T>});
  if (i < end) body(Slice<T, false>{i, static_cast<int>(end - i)});
}

// body(begin, end) on a team, for `count` items of `work` operations each, in parts that are whole
// multiples of `grain`.
template <class Body>
inline void share_items(ptrdiff_t count, ptrdiff_t grain, double work, const Body& body) {
  const ptrdiff_t grains = (count + grain - 1) / grain;
  auto member = [&](const Team& team) {
    const ptrdiff_t most = team.size() == 1 ? 1 : 8 * team.size();
    const ptrdiff_t parts = grains < most ? grains : most;
    team.each(static_cast<int>(parts), [&](int i) {
      const ptrdiff_t begin = grains * i / parts * grain, end = grains * (i + 1) / parts * grain;
      body(begin, end < count ? end : count);
    });
  };
  run_team(team_for(work * static_cast<double>(count)), member);
}

// body(slice) over all elements; `work` operations an element.
template <class T, class Body>
inline void share_slices(ptrdiff_t count, double work, const Body& body) {
  share_items(count, 4096, work,
              [&](ptrdiff_t begin, ptrdiff_t end) { for_each_slice<T>(begin, end, body); });
}

template <class T>
FASTRNN_INLINE T sum_lanes(Vec<T> v) {
  for (int width = kLanes<T> / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) v[i] += v[i + width];
  }
  return v[0];
}

template <class T>
FASTRNN_INLINE T max_lanes(Vec<T> v) {
  T m = v[0];
  for (int i = 1; i < kLanes<T>; ++i) m = m >= v[i] || m != m ? m : v[i];  // NaN wins
  return m;
}

}  // namespace
FASTRNN_ISA_END
