// Activations and losses. Shapes: elementwise.h.
#include "elementwise.h"

#include <string>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

std::ptrdiff_t elements(const py::object& array) {
  return py::reinterpret_borrow<py::array>(array).size();
}

std::ptrdiff_t length(const py::object& array, int axis) {
  return py::reinterpret_borrow<py::array>(array).shape(axis);
}

// The lists of activation.h, so that Python keeps no copy of them.
void bind_names(py::module_& m) {
  py::dict numbers, parameters, rows;
#define FASTRNN_NAME(enumerator, number, name) \
  numbers[name] = number;                      \
  parameters[name] = default_parameter(Activation::enumerator);
  FASTRNN_ACTIVATIONS(FASTRNN_NAME)
#undef FASTRNN_NAME
#define FASTRNN_NAME(enumerator, number, name) rows[name] = number;
  FASTRNN_ROW_ACTIVATIONS(FASTRNN_NAME)
#undef FASTRNN_NAME
  m.attr("ACTIVATIONS") = numbers;
  m.attr("ACTIVATION_PARAMETERS") = parameters;
  m.attr("ROW_ACTIVATIONS") = rows;
  m.attr("FIRST_UNFUSED") = kFirstUnfused;
}

template <class T>
void bind_activations(py::module_& m, const std::string& suffix) {
  m.def(("activation_forward" + suffix).c_str(),
        [](int activation, double parameter, const py::object& x, const py::object& y) {
          const auto count = elements(x);
          const T* in = pointer<const T>(x);
          T* out = pointer<T>(y);
          const py::gil_scoped_release release;
          activation_forward(static_cast<Activation>(activation), parameter, count, in, out);
        },
        py::arg("activation"), py::arg("parameter"), py::arg("x"), py::arg("y"));
  m.def(("activation_backward" + suffix).c_str(),
        [](int activation, double parameter, const py::object& dy, const py::object& x,
           const py::object& y, const py::object& dx) {
          const auto count = elements(dy);
          const T* gradient = pointer<const T>(dy);
          const T* in = pointer<const T>(x);
          const T* value = pointer<const T>(y);
          T* out = pointer<T>(dx);
          const py::gil_scoped_release release;
          activation_backward(static_cast<Activation>(activation), parameter, count, gradient, in,
                              value, out);
        },
        py::arg("activation"), py::arg("parameter"), py::arg("dy"), py::arg("x"), py::arg("y"),
        py::arg("dx"));
  m.def(("row_activation_forward" + suffix).c_str(),
        [](int activation, const py::object& x, const py::object& y) {
          const auto rows = length(y, 0), columns = length(y, 1);
          const T* in = pointer<const T>(x);
          T* out = pointer<T>(y);
          const py::gil_scoped_release release;
          row_activation_forward(static_cast<RowActivation>(activation), rows, columns, in, out);
        },
        py::arg("activation"), py::arg("x"), py::arg("y"));
  m.def(("row_activation_backward" + suffix).c_str(),
        [](int activation, const py::object& dy, const py::object& saved, const py::object& dx) {
          const auto rows = length(dy, 0), columns = length(dy, 1);
          const T* gradient = pointer<const T>(dy);
          const T* in = pointer<const T>(saved);
          T* out = pointer<T>(dx);
          const py::gil_scoped_release release;
          row_activation_backward(static_cast<RowActivation>(activation), rows, columns, gradient,
                                  in, out);
        },
        py::arg("activation"), py::arg("dy"), py::arg("saved"), py::arg("dx"));
}

template <class T, class Target>
void bind_softmax_loss(py::module_& m, const std::string& name) {
  m.def(
      name.c_str(),
      [](const py::object& logits, const py::object& targets, const py::object& loss,
         const py::object& dlogits) {
        const auto rows = length(logits, 0), classes = length(logits, 1);
        const T* in = pointer<const T>(logits);
        const Target* wanted = pointer<const Target>(targets);
        T* value = pointer<T>(loss);
        T* gradient = pointer<T>(dlogits);
        const py::gil_scoped_release release;
        softmax_cross_entropy(rows, classes, in, wanted, value, gradient);
      },
      py::arg("logits"), py::arg("targets"), py::arg("loss"), py::arg("dlogits"));
}

template <class T>
void bind_losses(py::module_& m, const std::string& suffix) {
  bind_softmax_loss<T, T>(m, "softmax_cross_entropy" + suffix);
  bind_softmax_loss<T, std::int64_t>(m, "label_cross_entropy" + suffix);
  m.def(("sigmoid_cross_entropy" + suffix).c_str(),
        [](const py::object& logits, const py::object& targets, const py::object& loss,
           const py::object& dlogits) {
          const auto count = elements(logits);
          const T* in = pointer<const T>(logits);
          const T* wanted = pointer<const T>(targets);
          T* value = pointer<T>(loss);
          T* gradient = pointer<T>(dlogits);
          const py::gil_scoped_release release;
          sigmoid_cross_entropy(count, in, wanted, value, gradient);
        },
        py::arg("logits"), py::arg("targets"), py::arg("loss"), py::arg("dlogits"));
  m.def(("distance_loss" + suffix).c_str(),
        [](int distance, double delta, const py::object& truth, const py::object& prediction,
           const py::object& loss, const py::object& gradient) {
          const auto rows = elements(loss), columns = elements(truth) / rows;
          const T* wanted = pointer<const T>(truth);
          const T* in = pointer<const T>(prediction);
          T* value = pointer<T>(loss);
          T* slope = pointer<T>(gradient);
          const py::gil_scoped_release release;
          distance_loss(static_cast<Distance>(distance), delta, rows, columns, wanted, in, value,
                        slope);
        },
        py::arg("distance"), py::arg("delta"), py::arg("truth"), py::arg("prediction"),
        py::arg("loss"), py::arg("gradient"));
}

}  // namespace
}  // namespace fastrnn::bindings

void bind_elementwise(pybind11::module_& m) {
  using namespace fastrnn::bindings;
  bind_names(m);
  bind_activations<float>(m, "_float");
  bind_activations<double>(m, "_double");
  bind_losses<float>(m, "_float");
  bind_losses<double>(m, "_double");
}
