// The columns of sums that each unit of a cell has, and which product feeds them.
//
// Inside, matrices with a column for each gate and unit have `count` blocks of `padded` columns, in
// the order in which the cell numbers its gates: those that x feeds lie side by side, and so do
// those that h feeds. Padding is zero.
#pragma once

#include <type_traits>

#include "cells/lane.h"  // before the cells: it says what they are compiled for

#include "cells/gru.h"
#include "cells/gru_reset_before.h"
#include "cells/lstm.h"
#include "cells/rnn.h"
#include "cuda/problem.h"

namespace fastrnn::cuda {

constexpr int kMaxColumns = 4;
constexpr int kPadding = 32;  // one lane's eight values, four lanes: see product.h

struct Columns {
  int count;
  int input_first, input_gates;  // the columns that x feeds
  int state_first, state_gates;  // and h, over both stages
  int first_gates;               // of these in the first stage
  int input_block[kMaxColumns];  // a column's block of the kernel, -1: none
  int state_block[kMaxColumns];
  int blocks;       // G
  int saved_units;  // rows of `hidden` that forward leaves
  bool memory;      // whether there is a c
  bool two_bias_rows;

  bool two_stages() const { return first_gates < state_gates; }
};

template <class Cell>
Columns columns_of() {
  Columns c{};
  c.input_first = Cell::kInputFirst;
  c.input_gates = Cell::kInputGates;
  c.state_first = Cell::kStateFirst;
  c.state_gates = c.first_gates = Cell::kStateGates;
  c.blocks = Cell::kBlocks;
  c.saved_units = Cell::kSaved;
  c.memory = Cell::kHasMemory;
  c.two_bias_rows = Cell::kStateFirst > 0;
  for (int g = 0; g < Cell::kGates; ++g) {
    c.input_block[g] = Cell::kInputBlock[g];
    c.state_block[g] = Cell::kStateBlock[g];
  }
  c.count = Cell::kGates;
  if constexpr (!std::is_void_v<typename Cell::Second>) {
    using Second = typename Cell::Second;
    c.input_gates += Second::kGates;
    c.state_gates += Second::kGates;
    for (int g = 0; g < Second::kGates; ++g, ++c.count) {
      c.input_block[c.count] = Second::kInputBlock[g];
      c.state_block[c.count] = Second::kStateBlock[g];
    }
  }
  return c;
}

inline Columns columns_of(CellKind kind) {
  switch (kind) {
#define FASTRNN_CELL(kind, name, Cell) \
  case CellKind::kind:                 \
    return columns_of<Cell>();
#include "cells/cells.def"
#undef FASTRNN_CELL
    default:
      return {};
  }
}

}  // namespace fastrnn::cuda
