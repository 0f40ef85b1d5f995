// convolution.h's functions, for the machine's instruction set.
#include "convolution.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(ConvTable, conv_table, (), ())
FASTRNN_DISPATCH(ConvTable, depthwise_table, (), ())

namespace {

const ConvTable* table_for(const ConvShape& shape) {
  const bool depthwise = shape.groups > 1 && shape.channels == shape.groups;
  return depthwise ? depthwise_table() : conv_table();
}

}  // namespace

ConvAlgorithm conv_algorithm(const ConvShape& shape) { return table_for(shape)->algorithm(shape); }

template <class T>
void conv_forward(const ConvForward<T>& args) {
  functions<T>(table_for(args.shape)).forward(args);
}

template <class T>
void conv_input(const ConvInput<T>& args) {
  functions<T>(table_for(args.shape)).input(args);
}

template <class T>
void conv_weights(const ConvWeights<T>& args) {
  functions<T>(table_for(args.shape)).weights(args);
}

#define FASTRNN_INSTANTIATE(T)                          \
  template void conv_forward<T>(const ConvForward<T>&); \
  template void conv_input<T>(const ConvInput<T>&);     \
  template void conv_weights<T>(const ConvWeights<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
