// Convolution. Shapes: convolution.h.
#include "convolution.h"

#include <pybind11/stl.h>

#include <cstddef>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

// batch, channels, filters, groups; then in, out, kernel, stride, dilation, before, three each.
ConvShape conv_shape(const std::vector<int>& numbers) {
  ConvShape s{};
  s.batch = numbers.at(0);
  s.channels = numbers.at(1);
  s.filters = numbers.at(2);
  s.groups = numbers.at(3);
  int* const triples[] = {s.in, s.out, s.kernel, s.stride, s.dilation, s.before};
  std::size_t next = 4;
  for (int* triple : triples) {
    for (int i = 0; i < 3; ++i) triple[i] = numbers.at(next++);
  }
  return s;
}

template <class T>
void bind_type(py::module_& m, const char* suffix) {
  const std::string name(suffix);
  m.def(("conv_forward" + name).c_str(),
        [](const ConvShape& shape, int algorithm, const py::object& x, const py::object& kernel,
           const py::object& bias, const py::object& y, int activation) {
          const ConvForward<T> args{shape,
                                    static_cast<ConvAlgorithm>(algorithm),
                                    pointer<const T>(x),
                                    pointer<const T>(kernel),
                                    pointer<const T>(bias),
                                    pointer<T>(y),
                                    static_cast<Activation>(activation)};
          const py::gil_scoped_release release;
          conv_forward(args);
        },
        py::arg("shape"), py::arg("algorithm"), py::arg("x"), py::arg("kernel"), py::arg("bias"),
        py::arg("y"), py::arg("activation"));
  m.def(("conv_input" + name).c_str(),
        [](const ConvShape& shape, int algorithm, const py::object& dz, const py::object& kernel,
           const py::object& bias, const py::object& dx, int activation) {
          const ConvInput<T> args{shape,
                                  static_cast<ConvAlgorithm>(algorithm),
                                  pointer<const T>(dz),
                                  pointer<const T>(kernel),
                                  pointer<const T>(bias),
                                  pointer<T>(dx),
                                  static_cast<Activation>(activation)};
          const py::gil_scoped_release release;
          conv_input(args);
        },
        py::arg("shape"), py::arg("algorithm"), py::arg("dz"), py::arg("kernel"), py::arg("bias"),
        py::arg("dx"), py::arg("activation"));
  m.def(("conv_weights" + name).c_str(),
        [](const ConvShape& shape, const py::object& x, const py::object& dy,
           const py::object& dkernel, const py::object& dbias, const py::object& y, int activation,
           const py::object& dz, int algorithm) {
          const ConvWeights<T> args{shape,
                                    static_cast<ConvAlgorithm>(algorithm),
                                    pointer<const T>(x),
                                    pointer<const T>(dy),
                                    pointer<const T>(y),
                                    static_cast<Activation>(activation),
                                    pointer<T>(dz),
                                    pointer<T>(dkernel),
                                    pointer<T>(dbias)};
          const py::gil_scoped_release release;
          conv_weights(args);
        },
        py::arg("shape"), py::arg("x"), py::arg("dy"), py::arg("dkernel"), py::arg("dbias"),
        py::arg("y") = py::none(), py::arg("activation") = 0, py::arg("dz") = py::none(),
        py::arg("algorithm") = 0);
}

}  // namespace

void bind_convolution(py::module_& m) {
  py::class_<ConvShape>(m, "ConvShape").def(py::init(&conv_shape), py::arg("numbers"));
  bind_type<float>(m, "_float");
  bind_type<double>(m, "_double");
  m.def(
      "conv_algorithm",
      [](const ConvShape& shape) { return static_cast<int>(conv_algorithm(shape)); },
      py::arg("shape"));
}

}  // namespace fastrnn::bindings
