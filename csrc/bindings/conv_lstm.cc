// The convolutional LSTM. Shapes: conv_lstm.h.
#include "conv_lstm.h"

#include <string>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

// A contiguous array of the dictionary, or null for None.
template <class T>
T* part(const py::dict& arrays, const char* name) {
  return pointer<T>(py::object(arrays[name]));
}

ConvLstmConfig config(const ConvShape& shape, const py::dict& numbers) {
  return {shape, numbers["steps"].cast<int>(), numbers["reverse"].cast<bool>(),
          static_cast<Activation>(numbers["activation"].cast<int>()),
          static_cast<Activation>(numbers["gate_activation"].cast<int>())};
}

template <class T>
void forward(const ConvShape& shape, const py::dict& numbers, const py::dict& arrays, bool save) {
  const ConvLstmForward<T> args{config(shape, numbers),
                                part<const T>(arrays, "recurrent"),
                                part<const T>(arrays, "peephole"),
                                part<const std::uint8_t>(arrays, "mask"),
                                part<const T>(arrays, "h0"),
                                part<const T>(arrays, "c0"),
                                part<T>(arrays, "gates"),
                                part<T>(arrays, "y"),
                                part<T>(arrays, "c"),
                                save};
  const py::gil_scoped_release release;
  conv_lstm_forward(args);
}

template <class T>
void backward(const ConvShape& shape, const py::dict& numbers, const py::dict& arrays) {
  const ConvLstmBackward<T> args{config(shape, numbers),
                                 part<const T>(arrays, "recurrent"),
                                 part<const T>(arrays, "peephole"),
                                 part<const std::uint8_t>(arrays, "mask"),
                                 part<const T>(arrays, "c0"),
                                 part<const T>(arrays, "gates"),
                                 part<const T>(arrays, "c"),
                                 part<const T>(arrays, "dy"),
                                 part<T>(arrays, "dz"),
                                 part<T>(arrays, "dh"),
                                 part<T>(arrays, "dc"),
                                 part<T>(arrays, "dpeephole")};
  const py::gil_scoped_release release;
  conv_lstm_backward(args);
}

template <class T>
void bind_type(py::module_& m, const char* suffix) {
  const std::string name(suffix);
  m.def(("conv_lstm_forward" + name).c_str(), &forward<T>, py::arg("shape"), py::arg("numbers"),
        py::arg("arrays"), py::arg("save"));
  m.def(("conv_lstm_backward" + name).c_str(), &backward<T>, py::arg("shape"), py::arg("numbers"),
        py::arg("arrays"));
}

}  // namespace

void bind_conv_lstm(py::module_& m) {
  bind_type<float>(m, "_float");
  bind_type<double>(m, "_double");
}

}  // namespace fastrnn::bindings
