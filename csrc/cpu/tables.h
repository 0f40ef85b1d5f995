// The recurrent and dense functions that every instruction set provides, as tables of pointers.
#pragma once

#include "fastrnn.h"

namespace fastrnn {

template <class T>
struct ForwardFunctions {
  void (*pack)(const RecurrentConfig&, const RecurrentWeights<T>&, PackedRecurrent<T>*);
  void (*forward)(const PackedRecurrent<T>&, const RecurrentForward<T>&);
};

// Of one cell.
struct ForwardTable {
  CellInfo info;
  ForwardFunctions<float> f32;
  ForwardFunctions<double> f64;
};

template <class T>
struct BackwardFunctions {
  void (*backward)(const RecurrentConfig&, const RecurrentBackward<T>&);
};

struct BackwardTable {
  BackwardFunctions<float> f32;
  BackwardFunctions<double> f64;
};

template <class T>
struct DenseFunctions {
  void (*forward)(const DenseForward<T>&);
  void (*backward)(const DenseBackward<T>&);
};

struct DenseTable {
  DenseFunctions<float> f32;
  DenseFunctions<double> f64;
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
