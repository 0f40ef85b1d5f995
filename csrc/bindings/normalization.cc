// Batch and layer normalization. Shapes: normalization.h.
#include "normalization.h"

#include <string>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

std::ptrdiff_t length(const py::object& array, int axis) {
  return py::reinterpret_borrow<py::array>(array).shape(axis);
}

template <class T>
void bind_batch(py::module_& m, const std::string& suffix) {
  m.def(("batch_statistics" + suffix).c_str(),
        [](const py::object& x, const py::object& mean, const py::object& variance) {
          const BatchStatistics<T> args{length(x, 0), length(x, 1), pointer<const T>(x),
                                        pointer<double>(mean), pointer<double>(variance)};
          const py::gil_scoped_release release;
          batch_statistics(args);
        },
        py::arg("x"), py::arg("mean"), py::arg("variance"));
  m.def(("batch_normalize" + suffix).c_str(),
        [](const py::object& x, const py::object& gamma, const py::object& beta,
           const py::object& mean, const py::object& rstd, const py::object& y) {
          const BatchNormalize<T> args{length(x, 0),
                                       length(x, 1),
                                       pointer<const T>(x),
                                       pointer<const T>(gamma),
                                       pointer<const T>(beta),
                                       pointer<const double>(mean),
                                       pointer<const double>(rstd),
                                       pointer<T>(y)};
          const py::gil_scoped_release release;
          batch_normalize(args);
        },
        py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("mean"), py::arg("rstd"),
        py::arg("y"));
  m.def(("batch_normalize_backward" + suffix).c_str(),
        [](const py::object& x, const py::object& dy, const py::object& gamma,
           const py::object& mean, const py::object& rstd, const py::object& dx,
           const py::object& dgamma, const py::object& dbeta) {
          const BatchNormalizeBackward<T> args{length(x, 0),
                                               length(x, 1),
                                               pointer<const T>(x),
                                               pointer<const T>(dy),
                                               pointer<const T>(gamma),
                                               pointer<const double>(mean),
                                               pointer<const double>(rstd),
                                               pointer<T>(dx),
                                               pointer<T>(dgamma),
                                               pointer<T>(dbeta)};
          const py::gil_scoped_release release;
          batch_normalize_backward(args);
        },
        py::arg("x"), py::arg("dy"), py::arg("gamma"), py::arg("mean"), py::arg("rstd"),
        py::arg("dx"), py::arg("dgamma"), py::arg("dbeta"));
}

template <class T>
void bind_layer(py::module_& m, const std::string& suffix) {
  m.def(("layer_normalize" + suffix).c_str(),
        [](double epsilon, const py::object& x, const py::object& gamma, const py::object& beta,
           const py::object& y, const py::object& mean, const py::object& rstd) {
          const LayerNormalize<T> args{length(x, 0),
                                       length(x, 1),
                                       epsilon,
                                       pointer<const T>(x),
                                       pointer<const T>(gamma),
                                       pointer<const T>(beta),
                                       pointer<T>(y),
                                       pointer<T>(mean),
                                       pointer<T>(rstd)};
          const py::gil_scoped_release release;
          layer_normalize(args);
        },
        py::arg("epsilon"), py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("y"),
        py::arg("mean"), py::arg("rstd"));
  m.def(("layer_normalize_backward" + suffix).c_str(),
        [](const py::object& x, const py::object& dy, const py::object& gamma,
           const py::object& mean, const py::object& rstd, const py::object& dx,
           const py::object& dgamma, const py::object& dbeta) {
          const LayerNormalizeBackward<T> args{length(x, 0),
                                               length(x, 1),
                                               pointer<const T>(x),
                                               pointer<const T>(dy),
                                               pointer<const T>(gamma),
                                               pointer<const T>(mean),
                                               pointer<const T>(rstd),
                                               pointer<T>(dx),
                                               pointer<T>(dgamma),
                                               pointer<T>(dbeta)};
          const py::gil_scoped_release release;
          layer_normalize_backward(args);
        },
        py::arg("x"), py::arg("dy"), py::arg("gamma"), py::arg("mean"), py::arg("rstd"),
        py::arg("dx"), py::arg("dgamma"), py::arg("dbeta"));
}

}  // namespace

void bind_normalization(py::module_& m) {
  bind_batch<float>(m, "_float");
  bind_batch<double>(m, "_double");
  bind_layer<float>(m, "_float");
  bind_layer<double>(m, "_double");
}

}  // namespace fastrnn::bindings
