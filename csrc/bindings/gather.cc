// Embedding and interpolation. Shapes: gather.h.
#include "gather.h"

#include <string>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

std::ptrdiff_t length(const py::object& array, int axis) {
  return py::reinterpret_borrow<py::array>(array).shape(axis);
}

// narrow, wide: before and after interpolation, (outer, in, inner) and (outer, out, inner).
template <class T>
Interpolation<T> interpolation(const py::object& low, const py::object& weight,
                               const py::object& narrow, const py::object& wide, const T* from,
                               T* to) {
  return {length(narrow, 0),
          length(narrow, 1),
          length(wide, 1),
          length(narrow, 2),
          pointer<const std::int32_t>(low),
          pointer<const double>(weight),
          from,
          to};
}

template <class T>
void bind_type(py::module_& m, const std::string& suffix) {
  m.def(("embedding" + suffix).c_str(),
        [](const py::object& ids, const py::object& table, const py::object& out) {
          const Embedding<T> args{length(ids, 0),          length(table, 0),
                                  length(table, 1),        pointer<const std::int64_t>(ids),
                                  pointer<const T>(table), pointer<T>(out)};
          const py::gil_scoped_release release;
          embedding(args);
        },
        py::arg("ids"), py::arg("table"), py::arg("out"));
  m.def(("embedding_backward" + suffix).c_str(),
        [](const py::object& ids, const py::object& dy, const py::object& dtable) {
          const EmbeddingBackward<T> args{length(ids, 0),       length(dtable, 0),
                                          length(dtable, 1),    pointer<const std::int64_t>(ids),
                                          pointer<const T>(dy), pointer<T>(dtable)};
          const py::gil_scoped_release release;
          embedding_backward(args);
        },
        py::arg("ids"), py::arg("dy"), py::arg("dtable"));
  m.def(("interpolate" + suffix).c_str(),
        [](const py::object& low, const py::object& weight, const py::object& x,
           const py::object& y) {
          const auto args = interpolation<T>(low, weight, x, y, pointer<const T>(x), pointer<T>(y));
          const py::gil_scoped_release release;
          interpolate(args);
        },
        py::arg("low"), py::arg("weight"), py::arg("x"), py::arg("y"));
  m.def(("interpolate_backward" + suffix).c_str(),
        [](const py::object& low, const py::object& weight, const py::object& dy,
           const py::object& dx) {
          const auto args =
              interpolation<T>(low, weight, dx, dy, pointer<const T>(dy), pointer<T>(dx));
          const py::gil_scoped_release release;
          interpolate_backward(args);
        },
        py::arg("low"), py::arg("weight"), py::arg("dy"), py::arg("dx"));
}

}  // namespace

void bind_gather(py::module_& m) {
  bind_type<float>(m, "_float");
  bind_type<double>(m, "_double");
}

}  // namespace fastrnn::bindings
