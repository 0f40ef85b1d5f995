// Batch and layer normalization. Shapes: normalization.h.
#include "normalization.h"

#include <string>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

std::ptrdiff_t elements(const py::object& array) {
  return py::reinterpret_borrow<py::array>(array).size();
}

template <class T>
void bind_batch(py::module_& m, const std::string& suffix) {
  m.def(("batch_statistics" + suffix).c_str(),
        [](const py::object& x, const py::object& mean, const py::object& variance) {
          const auto channels = elements(mean);
          const BatchStatistics<T> args{elements(x) / channels, channels, pointer<const T>(x),
                                        pointer<double>(mean), pointer<double>(variance)};
          const py::gil_scoped_release release;
          batch_statistics(args);
        },
        py::arg("x"), py::arg("mean"), py::arg("variance"));
  m.def(("batch_normalize" + suffix).c_str(),
        [](const py::object& x, const py::object& gamma, const py::object& beta,
           const py::object& mean, const py::object& rstd, const py::object& y) {
          const auto channels = elements(mean);
          const BatchNormalize<T> args{elements(x) / channels,      channels,
                                       pointer<const T>(x),         pointer<const T>(gamma),
                                       pointer<const T>(beta),      pointer<const double>(mean),
                                       pointer<const double>(rstd), pointer<T>(y)};
          const py::gil_scoped_release release;
          batch_normalize(args);
        },
        py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("mean"), py::arg("rstd"),
        py::arg("y"));
  m.def(("batch_normalize_training" + suffix).c_str(),
        [](double epsilon, double momentum, const py::object& x, const py::object& gamma,
           const py::object& beta, const py::object& moving_mean, const py::object& moving_variance,
           const py::object& mean, const py::object& rstd, const py::object& y) {
          const auto channels = elements(mean);
          const BatchNormalizeTraining<T> args{elements(x) / channels,
                                               channels,
                                               epsilon,
                                               momentum,
                                               pointer<const T>(x),
                                               pointer<const T>(gamma),
                                               pointer<const T>(beta),
                                               pointer<T>(moving_mean),
                                               pointer<T>(moving_variance),
                                               pointer<double>(mean),
                                               pointer<double>(rstd),
                                               pointer<T>(y)};
          const py::gil_scoped_release release;
          batch_normalize_training(args);
        },
        py::arg("epsilon"), py::arg("momentum"), py::arg("x"), py::arg("gamma"), py::arg("beta"),
        py::arg("moving_mean"), py::arg("moving_variance"), py::arg("mean"), py::arg("rstd"),
        py::arg("y"));
  m.def(("batch_normalize_backward" + suffix).c_str(),
        [](const py::object& x, const py::object& dy, const py::object& gamma,
           const py::object& mean, const py::object& rstd, const py::object& dx,
           const py::object& dgamma, const py::object& dbeta) {
          const auto channels = elements(mean);
          const BatchNormalizeBackward<T> args{
              elements(x) / channels,      channels,
              pointer<const T>(x),         pointer<const T>(dy),
              pointer<const T>(gamma),     pointer<const double>(mean),
              pointer<const double>(rstd), pointer<T>(dx),
              pointer<T>(dgamma),          pointer<T>(dbeta)};
          const py::gil_scoped_release release;
          batch_normalize_backward(args);
        },
        py::arg("x"), py::arg("dy"), py::arg("gamma"), py::arg("mean"), py::arg("rstd"),
        py::arg("dx"), py::arg("dgamma"), py::arg("dbeta"));
}

template <class T>
void bind_layer(py::module_& m, const std::string& suffix) {
  m.def(("layer_normalize" + suffix).c_str(),
        [](std::ptrdiff_t channels, double epsilon, const py::object& x, const py::object& gamma,
           const py::object& beta, const py::object& y, const py::object& mean,
           const py::object& rstd) {
          const LayerNormalize<T> args{elements(x) / channels,
                                       channels,
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
        py::arg("channels"), py::arg("epsilon"), py::arg("x"), py::arg("gamma"), py::arg("beta"),
        py::arg("y"), py::arg("mean"), py::arg("rstd"));
  m.def(("layer_normalize_backward" + suffix).c_str(),
        [](std::ptrdiff_t channels, const py::object& x, const py::object& dy,
           const py::object& gamma, const py::object& mean, const py::object& rstd,
           const py::object& dx, const py::object& dgamma, const py::object& dbeta) {
          const LayerNormalizeBackward<T> args{elements(x) / channels,  channels,
                                               pointer<const T>(x),     pointer<const T>(dy),
                                               pointer<const T>(gamma), pointer<const T>(mean),
                                               pointer<const T>(rstd),  pointer<T>(dx),
                                               pointer<T>(dgamma),      pointer<T>(dbeta)};
          const py::gil_scoped_release release;
          layer_normalize_backward(args);
        },
        py::arg("channels"), py::arg("x"), py::arg("dy"), py::arg("gamma"), py::arg("mean"),
        py::arg("rstd"), py::arg("dx"), py::arg("dgamma"), py::arg("dbeta"));
}

}  // namespace

void bind_normalization(py::module_& m) {
  bind_batch<float>(m, "_float");
  bind_batch<double>(m, "_double");
  bind_layer<float>(m, "_float");
  bind_layer<double>(m, "_double");
}

}  // namespace fastrnn::bindings
