// What a convolution reads and writes.
#pragma once

#include "convolution.h"
#include "cpu/isa.h"

FASTRNN_ISA_BEGIN

// What is the same for all passes of a call.
template <class T>
struct Images {
  int batch;
  const T* source;
  const int* source_size;
  int source_channels;
  T* out;
  const int* out_size;
  int out_channels;
  int groups;
  const T* bias;
  Activation activation;
  bool im2col;
};

FASTRNN_ISA_END
