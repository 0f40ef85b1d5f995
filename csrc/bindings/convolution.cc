// Convolution. Shapes: convolution.h.
#include "convolution.h"

#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bind.h"
#include "bindings/conv_shape.h"

namespace fastrnn::bindings {
namespace {

template <class T>
void bind_type(py::module_& m, const char* suffix) {
  const std::string name(suffix);
  m.def(("conv_forward" + name).c_str(),
        [](const std::vector<int>& numbers, int algorithm, const py::object& x,
           const py::object& kernel, const py::object& bias, const py::object& y, int activation) {
          const ConvForward<T> args{conv_shape(numbers),
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
        [](const std::vector<int>& numbers, int algorithm, const py::object& dz,
           const py::object& kernel, const py::object& bias, const py::object& dx, int activation) {
          const ConvInput<T> args{conv_shape(numbers),
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
        [](const std::vector<int>& numbers, const py::object& x, const py::object& dy,
           const py::object& dkernel, const py::object& dbias, const py::object& y, int activation,
           const py::object& dz, int algorithm) {
          const ConvWeights<T> args{conv_shape(numbers), static_cast<ConvAlgorithm>(algorithm),
                                    pointer<const T>(x), pointer<const T>(dy),
                                    pointer<const T>(y), static_cast<Activation>(activation),
                                    pointer<T>(dz),      pointer<T>(dkernel),
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
  bind_type<float>(m, "_float");
  bind_type<double>(m, "_double");
  m.def(
      "conv_algorithm",
      [](const std::vector<int>& numbers) {
        return static_cast<int>(conv_algorithm(conv_shape(numbers)));
      },
      py::arg("shape"));
}

}  // namespace fastrnn::bindings
