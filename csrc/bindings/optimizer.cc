// Optimizer updates. Formulas: optimizer.h.
#include "optimizer.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <string>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

std::ptrdiff_t elements(const py::object& array) {
  return py::reinterpret_borrow<py::array>(array).size();
}

template <class T>
void bind_type(py::module_& m, const std::string& suffix) {
  m.def(("optimizer_update" + suffix).c_str(),
        [](int rule, const py::object& params, const py::object& grads,
           const std::array<py::object, 3>& state, double scale, double limit, double keep,
           const std::array<double, 6>& numbers) {
          OptimizerUpdate<T> update{
              static_cast<UpdateRule>(rule),
              elements(params),
              pointer<T>(params),
              pointer<const T>(grads),
              {pointer<T>(state[0]), pointer<T>(state[1]), pointer<T>(state[2])},
              scale,
              limit,
              keep,
              {}};
          std::copy(numbers.begin(), numbers.end(), update.numbers);
          const py::gil_scoped_release release;
          optimizer_update(update);
        },
        py::arg("rule"), py::arg("params"), py::arg("grads"), py::arg("state"), py::arg("scale"),
        py::arg("limit"), py::arg("keep"), py::arg("numbers"));
  m.def(("average_update" + suffix).c_str(),
        [](const py::object& average, const py::object& params, double momentum) {
          const std::ptrdiff_t count = elements(params);
          T* mean = pointer<T>(average);
          const T* values = pointer<const T>(params);
          const py::gil_scoped_release release;
          average_update(count, mean, values, momentum);
        },
        py::arg("average"), py::arg("params"), py::arg("momentum"));
  m.def(("square_sum" + suffix).c_str(),
        [](const py::object& x) {
          const std::ptrdiff_t count = elements(x);
          const T* values = pointer<const T>(x);
          const py::gil_scoped_release release;
          return square_sum(count, values);
        },
        py::arg("x"));
  m.def(("penalty" + suffix).c_str(),
        [](const py::object& params, const py::object& grads, double l1, double l2) {
          const std::ptrdiff_t count = elements(params);
          const T* values = pointer<const T>(params);
          T* out = pointer<T>(grads);
          const py::gil_scoped_release release;
          return penalty(count, values, out, l1, l2);
        },
        py::arg("params"), py::arg("grads"), py::arg("l1"), py::arg("l2"));
}

}  // namespace
}  // namespace fastrnn::bindings

void bind_optimizer(pybind11::module_& m) {
  using fastrnn::UpdateRule;
  pybind11::dict rules;
  const auto add = [&](const char* name, UpdateRule rule) { rules[name] = static_cast<int>(rule); };
  add("sgd", UpdateRule::kSgd);
  add("rmsprop", UpdateRule::kRmsprop);
  add("adam", UpdateRule::kAdam);
  add("nadam", UpdateRule::kNadam);
  add("adamax", UpdateRule::kAdamax);
  add("adagrad", UpdateRule::kAdagrad);
  add("adadelta", UpdateRule::kAdadelta);
  add("ftrl", UpdateRule::kFtrl);
  add("lion", UpdateRule::kLion);
  m.attr("UPDATE_RULES") = rules;
  fastrnn::bindings::bind_type<float>(m, "_float");
  fastrnn::bindings::bind_type<double>(m, "_double");
}
