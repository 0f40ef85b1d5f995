// conv_lstm.h's functions, for the machine's instruction set.
#include "conv_lstm.h"

#include "dispatch.h"

namespace fastrnn {
FASTRNN_DISPATCH(ConvLstmTable, conv_lstm_table, (), ())

template <class T>
void conv_lstm_forward(const ConvLstmForward<T>& args) {
  functions<T>(conv_lstm_table()).forward(args);
}

template <class T>
void conv_lstm_backward(const ConvLstmBackward<T>& args) {
  functions<T>(conv_lstm_table()).backward(args);
}

#define FASTRNN_INSTANTIATE(T)                                   \
  template void conv_lstm_forward<T>(const ConvLstmForward<T>&); \
  template void conv_lstm_backward<T>(const ConvLstmBackward<T>&);
FASTRNN_INSTANTIATE(float)
FASTRNN_INSTANTIATE(double)
#undef FASTRNN_INSTANTIATE

}  // namespace fastrnn
