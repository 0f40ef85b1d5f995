// Parts of a band whose pixels all find the same taps inside of the source. Where zeros around
// small images are a good part of a pass, their products are left out, and nothing is copied.
#pragma once

#include "cpu/pixels.h"

FASTRNN_ISA_BEGIN
namespace {

// [first, last): taps of an axis.
struct Span {
  int first, last;

  int count() const { return last - first; }
  bool has(int tap) const { return first <= tap && tap < last; }
  bool operator==(const Span& other) const { return first == other.first && last == other.last; }
};

inline Span overlap(const Span& a, const Span& b) {
  const int first = a.first > b.first ? a.first : b.first;
  const int last = a.last < b.last ? a.last : b.last;
  return {first, last < first ? first : last};
}

// Those that the i-th pixel of the grid finds inside.
inline Span taps_inside(const Axis& a, int size, int i) {
  const int at = a.origin + i * a.step;
  const int first = at < 0 ? (a.spread - 1 - at) / a.spread : 0;
  const int last = at < size ? (size - 1 - at) / a.spread + 1 : 0;
  return overlap({first, last}, {0, a.taps});
}

// Of all products of a pass the part that is not with zeros around the source.
inline double share_inside(const Pass& pass, const int* size) {
  double share = 1;
  for (int i = 0; i < 3; ++i) {
    const Axis& a = pass.axis[i];
    if (a.taps == 0 || a.grid < 1) continue;
    long met = 0;
    for (int j = 0; j < a.grid; ++j) met += taps_inside(a, size[i], j).count();
    share *= static_cast<double>(met) / (static_cast<double>(a.grid) * a.taps);
  }
  return share;
}

// Pixels [first, first + count) of a list.
struct Box {
  int first, count;
  Span taps[3];
};

// visit(part of the band, its taps on the three axes)
template <class Visit>
inline void for_each_box(const Band& band, const Pass& pass, const int* size, const Visit& visit) {
  const int begin[3] = {band.plane, band.row, band.column};
  const int end[3] = {band.plane + band.planes, band.row + band.rows, band.column + band.columns};
  // The first pixel behind i whose taps are others.
  const auto change = [&](int axis, int i, const Span& taps) {
    while (++i < end[axis] && taps_inside(pass.axis[axis], size[axis], i) == taps) {
    }
    return i;
  };
  Band part = band;
  Span taps[3];
  int at[3], next[3];
  const auto look = [&](int axis) {
    taps[axis] = taps_inside(pass.axis[axis], size[axis], at[axis]);
    next[axis] = change(axis, at[axis], taps[axis]);
  };
  for (at[0] = begin[0]; at[0] < end[0]; at[0] = next[0]) {
    look(0);
    for (at[1] = begin[1]; at[1] < end[1]; at[1] = next[1]) {
      look(1);
      for (at[2] = begin[2]; at[2] < end[2]; at[2] = next[2]) {
        look(2);
        part.plane = at[0], part.planes = next[0] - at[0];
        part.row = at[1], part.rows = next[1] - at[1];
        part.column = at[2], part.columns = next[2] - at[2];
        visit(part, taps);
      }
    }
  }
}

}  // namespace
FASTRNN_ISA_END
