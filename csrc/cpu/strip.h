// Tiles one after the other from bias to activation, without leaving registers: for products whose
// whole K is done at once, where a tile's way through memory would cost a good part of it.
#pragma once

#include "activation.h"
#include "cpu/gemm.h"

FASTRNN_ISA_BEGIN

// out[i][0:units] = activation(bias + sum over the segments of A's row i times B).
template <class T>
struct Strip {
  int count;             // rows
  const T* const* rows;  // where each begins; the segments' own rows are not read
  T* const* out;
  const Segment<T>* segments;
  int used;
  const T* bias;  // or null
  int units;      // columns in use of the panel's
  Activation activation;
  const T* start = nullptr;  // [row][panel's lanes]: sums to go on from, in place of the bias
  bool add = false;          // start from what `out` holds, in place of either
};

// All rows, of `vecs` vectors of columns; form is kShared or kTable.
template <class T>
void run_strip(RowForm form, int vecs, const Strip<T>& strip);

FASTRNN_ISA_END
