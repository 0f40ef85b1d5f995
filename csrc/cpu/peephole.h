// Gradients of the LSTM's peephole weights (cells/lstm.h).
#pragma once

#include "cpu/gradients.h"

FASTRNN_ISA_BEGIN
namespace {

// out (3, H) += or = the sums over a chunk's rows: i and f look at c before the step, o at c after
// it, which the gates give again. The team shares the units.
template <class T, class Cell>
void peephole_gradient(const Gradients<T, Cell>& stage, const ChunkRows<T>& list, int rows,
                       bool first, T* out, const Team& team) {
  const int hidden = stage.geo.hidden;
  int begin, end;
  team.share(hidden, 1, &begin, &end);
  for (int unit = begin; unit < end; ++unit) {
    const int p = unit / stage.geo.panels.width();
    const Panel panel = stage.geo.panels[p];
    T sums[3] = {};
    for (int r = 0; r < rows; ++r) {
      if (!list.x[r]) continue;
      const T* d = stage.dsums_row(p, r) + unit - panel.unit0;
      const T* saved = list.saved[r] + unit;
      const T c_prev = list.c_prev[r][unit];
      sums[0] += d[0] * c_prev;
      sums[1] += d[panel.stride] * c_prev;
      sums[2] += d[3 * panel.stride] * (saved[hidden] * c_prev + saved[0] * saved[2 * hidden]);
    }
    for (int g = 0; g < 3; ++g) {
      T* to = out + g * hidden + unit;
      *to = first ? sums[g] : *to + sums[g];
    }
  }
}

}  // namespace
FASTRNN_ISA_END
