// conv_lstm.h's functions, for the machine's instruction set.
#include "conv_lstm.h"

#include <type_traits>

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(ConvLstmTable, conv_lstm_table, (), ())

namespace {

template <class T>
const ConvLstmFunctions<T>& functions() {
  if constexpr (std::is_same_v<T, float>) {
    return conv_lstm_table()->f32;
  } else {
    return conv_lstm_table()->f64;
  }
}

}  // namespace

template <class T>
void conv_lstm_forward(const ConvLstmForward<T>& args) {
  functions<T>().forward(args);
}

template <class T>
void conv_lstm_backward(const ConvLstmBackward<T>& args) {
  functions<T>().backward(args);
}

#define FASTRNN_INSTANTIATE(T)                                   \
  template void conv_lstm_forward<T>(const ConvLstmForward<T>&); \
  template void conv_lstm_backward<T>(const ConvLstmBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
