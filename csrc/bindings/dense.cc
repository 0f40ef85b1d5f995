// Dense layers. Shapes: fastrnn.h.
#include "bindings/arrays.h"
#include "bindings/bind.h"
#include "fastrnn.h"

namespace fastrnn::bindings {
namespace {

struct Sizes {
  int rows, input, output;
};

// The rows are all that lies in front of x's last axis.
Sizes sizes(const py::object& x, const py::object& kernel) {
  const auto x_array = py::reinterpret_borrow<py::array>(x);
  const auto k_array = py::reinterpret_borrow<py::array>(kernel);
  const auto input = k_array.shape(0);
  return {static_cast<int>(x_array.size() / input), static_cast<int>(input),
          static_cast<int>(k_array.shape(1))};
}

template <class T>
void bind_type(py::module_& m, const char* suffix) {
  const std::string name(suffix);
  m.def(("dense_forward" + name).c_str(),
        [](const py::object& x, const py::object& kernel, const py::object& bias,
           const py::object& y, int activation) {
          const Sizes s = sizes(x, kernel);
          const DenseForward<T> args{s.rows,
                                     s.input,
                                     s.output,
                                     pointer<const T>(x),
                                     pointer<const T>(kernel),
                                     pointer<const T>(bias),
                                     pointer<T>(y),
                                     static_cast<Activation>(activation)};
          const py::gil_scoped_release release;
          dense_forward(args);
        },
        py::arg("x"), py::arg("kernel"), py::arg("bias"), py::arg("y"), py::arg("activation"));
  m.def(("dense_backward" + name).c_str(),
        [](const py::object& x, const py::object& kernel, const py::object& dz,
           const py::object& dx, const py::object& dkernel, const py::object& dbias) {
          const Sizes s = sizes(x, kernel);
          const DenseBackward<T> args{s.rows,
                                      s.input,
                                      s.output,
                                      pointer<const T>(x),
                                      pointer<const T>(kernel),
                                      pointer<const T>(dz),
                                      pointer<T>(dx),
                                      pointer<T>(dkernel),
                                      pointer<T>(dbias)};
          const py::gil_scoped_release release;
          dense_backward(args);
        },
        py::arg("x"), py::arg("kernel"), py::arg("dz"), py::arg("dx"), py::arg("dkernel"),
        py::arg("dbias"));
}

}  // namespace

void bind_dense(py::module_& m) {
  bind_type<float>(m, "_float");
  bind_type<double>(m, "_double");
}

}  // namespace fastrnn::bindings
