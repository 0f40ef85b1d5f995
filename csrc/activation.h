// The elementwise activations, numbered. The names are Keras'; the numbers never change, since
// Python passes them (fastrnn._core.ACTIVATIONS is made from this list).
#pragma once

namespace fastrnn {

// X(enumerator, number, name). First those whose derivative follows from the output alone: these
// run inside the recurrent kernels. The rest need the input again: ops.activation only.
#define FASTRNN_ACTIVATIONS(X)            \
  X(kLinear, 0, "linear")                 \
  X(kTanh, 1, "tanh")                     \
  X(kSigmoid, 2, "sigmoid")               \
  X(kRelu, 3, "relu")                     \
  X(kHardSigmoid, 4, "hard_sigmoid")      \
  X(kSoftplus, 5, "softplus")             \
  X(kSoftsign, 6, "softsign")             \
  X(kElu, 7, "elu")                       \
  X(kSelu, 8, "selu")                     \
  X(kExponential, 9, "exponential")       \
  X(kLeakyRelu, 10, "leaky_relu")         \
  X(kRelu6, 11, "relu6")                  \
  X(kHardTanh, 12, "hard_tanh")           \
  X(kLogSigmoid, 13, "log_sigmoid")       \
  X(kCelu, 14, "celu")                    \
  X(kSquareplus, 15, "squareplus")        \
  X(kSparsePlus, 16, "sparse_plus")       \
  X(kSparseSigmoid, 17, "sparse_sigmoid") \
  X(kSoftShrink, 18, "soft_shrink")       \
  X(kHardShrink, 19, "hard_shrink")       \
  X(kSilu, 32, "silu")                    \
  X(kGelu, 33, "gelu")                    \
  X(kGeluTanh, 34, "gelu_tanh")           \
  X(kMish, 35, "mish")                    \
  X(kHardSilu, 36, "hard_silu")           \
  X(kTanhShrink, 37, "tanh_shrink")       \
  X(kThreshold, 38, "threshold")

enum class Activation : int {
#define FASTRNN_ENUMERATOR(enumerator, number, name) enumerator = number,
  FASTRNN_ACTIVATIONS(FASTRNN_ENUMERATOR)
#undef FASTRNN_ENUMERATOR
};

// Functions here are static: every instruction set's files get a copy of their own (cpu/isa.h).

// Activations from this number on need their input again for the derivative.
static constexpr int kFirstUnfused = 32;
static constexpr bool is_fused(Activation a) { return static_cast<int>(a) < kFirstUnfused; }

// An activation's one parameter where none is given: the slope of leaky_relu, the alpha of elu and
// celu, the b of squareplus, the threshold of threshold and the shrinks. Keras' defaults.
static constexpr double default_parameter(Activation a) {
  switch (a) {
    case Activation::kLeakyRelu:
      return 0.2;
    case Activation::kSquareplus:
      return 4.0;
    case Activation::kSoftShrink:
    case Activation::kHardShrink:
      return 0.5;
    case Activation::kThreshold:
      return 0.0;
    default:
      return 1.0;
  }
}

// Activations of whole rows, numbered likewise.
#define FASTRNN_ROW_ACTIVATIONS(X)  \
  X(kSoftmax, 64, "softmax")        \
  X(kLogSoftmax, 65, "log_softmax") \
  X(kSparsemax, 66, "sparsemax")    \
  X(kGlu, 67, "glu")

enum class RowActivation : int {
#define FASTRNN_ENUMERATOR(enumerator, number, name) enumerator = number,
  FASTRNN_ROW_ACTIVATIONS(FASTRNN_ENUMERATOR)
#undef FASTRNN_ENUMERATOR
};

}  // namespace fastrnn
