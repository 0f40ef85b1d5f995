// The functions that every instruction set provides, as tables of pointers for dispatch.cc.
#pragma once

#include "fastrnn.h"

namespace fastrnn {

struct ForwardTable {
  void (*pack_float)(const RecurrentConfig&, const RecurrentWeights<float>&,
                     PackedRecurrent<float>*);
  void (*pack_double)(const RecurrentConfig&, const RecurrentWeights<double>&,
                      PackedRecurrent<double>*);
  void (*forward_float)(const PackedRecurrent<float>&, const RecurrentForward<float>&);
  void (*forward_double)(const PackedRecurrent<double>&, const RecurrentForward<double>&);
};

struct BackwardTable {
  void (*backward_float)(const RecurrentConfig&, const RecurrentBackward<float>&);
  void (*backward_double)(const RecurrentConfig&, const RecurrentBackward<double>&);
};

struct DenseTable {
  void (*forward_float)(const DenseForward<float>&);
  void (*forward_double)(const DenseForward<double>&);
  void (*backward_float)(const DenseBackward<float>&);
  void (*backward_double)(const DenseBackward<double>&);
};

}  // namespace fastrnn

#ifdef FASTRNN_ISA
#include "cpu/isa.h"
FASTRNN_ISA_BEGIN
const ForwardTable* forward_table(CellKind cell);
const BackwardTable* backward_table(CellKind cell);
const DenseTable* dense_table();
FASTRNN_ISA_END
#endif
