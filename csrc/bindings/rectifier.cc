// Rectifiers with parameters. Formulas: rectifier.h.
#include "rectifier.h"

#include <string>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

template <class T>
void bind_type(py::module_& m, const std::string& suffix) {
  m.def(("relu" + suffix).c_str(),
        [](double negative_slope, double threshold, double maximum, const py::object& x,
           const py::object& dy, const py::object& out) {
          const Rectifier<T> args{py::reinterpret_borrow<py::array>(x).size(),
                                  negative_slope,
                                  threshold,
                                  maximum,
                                  pointer<const T>(x),
                                  pointer<const T>(dy),
                                  pointer<T>(out)};
          const py::gil_scoped_release release;
          if (args.dy) {
            relu_backward(args);
          } else {
            relu(args);
          }
        },
        py::arg("negative_slope"), py::arg("threshold"), py::arg("maximum"), py::arg("x"),
        py::arg("dy"), py::arg("out"));
  m.def(("prelu" + suffix).c_str(),
        [](const py::object& x, const py::object& alpha, const py::object& y) {
          const auto array = py::reinterpret_borrow<py::array>(x);
          const Prelu<T> args{array.shape(0), array.shape(1), pointer<const T>(x),
                              pointer<const T>(alpha), pointer<T>(y)};
          const py::gil_scoped_release release;
          prelu(args);
        },
        py::arg("x"), py::arg("alpha"), py::arg("y"));
  m.def(("prelu_backward" + suffix).c_str(),
        [](const py::object& x, const py::object& alpha, const py::object& dy, const py::object& dx,
           const py::object& dalpha) {
          const auto array = py::reinterpret_borrow<py::array>(x);
          const PreluBackward<T> args{
              array.shape(0),       array.shape(1), pointer<const T>(x), pointer<const T>(alpha),
              pointer<const T>(dy), pointer<T>(dx), pointer<T>(dalpha)};
          const py::gil_scoped_release release;
          prelu_backward(args);
        },
        py::arg("x"), py::arg("alpha"), py::arg("dy"), py::arg("dx"), py::arg("dalpha"));
}

}  // namespace

void bind_rectifier(py::module_& m) {
  bind_type<float>(m, "_float");
  bind_type<double>(m, "_double");
}

}  // namespace fastrnn::bindings
