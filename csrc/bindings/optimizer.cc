// Optimizer updates. Formulas: optimizer.h.
#include "optimizer.h"

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
  m.def(("sgd_update" + suffix).c_str(),
        [](const py::object& params, const py::object& grads, const py::object& velocity, double lr,
           double momentum, bool nesterov) {
          const SgdUpdate<T> update{elements(params),
                                    pointer<T>(params),
                                    pointer<const T>(grads),
                                    pointer<T>(velocity),
                                    lr,
                                    momentum,
                                    nesterov};
          const py::gil_scoped_release release;
          sgd_update(update);
        },
        py::arg("params"), py::arg("grads"), py::arg("velocity"), py::arg("lr"),
        py::arg("momentum"), py::arg("nesterov"));
  m.def(("rmsprop_update" + suffix).c_str(),
        [](const py::object& params, const py::object& grads, const py::object& v,
           const py::object& mean_grad, const py::object& momentums, double lr, double rho,
           double momentum, double epsilon) {
          const RmspropUpdate<T> update{elements(params),
                                        pointer<T>(params),
                                        pointer<const T>(grads),
                                        pointer<T>(v),
                                        pointer<T>(mean_grad),
                                        pointer<T>(momentums),
                                        lr,
                                        rho,
                                        momentum,
                                        epsilon};
          const py::gil_scoped_release release;
          rmsprop_update(update);
        },
        py::arg("params"), py::arg("grads"), py::arg("v"), py::arg("mean_grad"),
        py::arg("momentums"), py::arg("lr"), py::arg("rho"), py::arg("momentum"),
        py::arg("epsilon"));
  m.def(("adam_update" + suffix).c_str(),
        [](const py::object& params, const py::object& grads, const py::object& moment,
           const py::object& v, const py::object& v_max, double rate, double beta_1, double beta_2,
           double epsilon) {
          const AdamUpdate<T> update{elements(params),
                                     pointer<T>(params),
                                     pointer<const T>(grads),
                                     pointer<T>(moment),
                                     pointer<T>(v),
                                     pointer<T>(v_max),
                                     rate,
                                     beta_1,
                                     beta_2,
                                     epsilon};
          const py::gil_scoped_release release;
          adam_update(update);
        },
        py::arg("params"), py::arg("grads"), py::arg("m"), py::arg("v"), py::arg("v_max"),
        py::arg("rate"), py::arg("beta_1"), py::arg("beta_2"), py::arg("epsilon"));
}

}  // namespace
}  // namespace fastrnn::bindings

void bind_optimizer(pybind11::module_& m) {
  fastrnn::bindings::bind_type<float>(m, "_float");
  fastrnn::bindings::bind_type<double>(m, "_double");
}
