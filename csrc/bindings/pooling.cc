// Pooling. Shapes: pooling.h.
#include "pooling.h"

#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

// batch, channels; then in, out, window, stride, dilation (1 throughout), before, three each.
PoolShape pool_shape(const std::vector<int>& numbers) {
  PoolShape s{};
  s.batch = numbers.at(0);
  s.channels = numbers.at(1);
  int unused[3];
  int* const triples[] = {s.in, s.out, s.window, s.stride, unused, s.before};
  std::size_t next = 2;
  for (int* triple : triples) {
    for (int i = 0; i < 3; ++i) triple[i] = numbers.at(next++);
  }
  return s;
}

template <class T>
void bind_type(py::module_& m, const std::string& suffix) {
  m.def(("pool_forward" + suffix).c_str(),
        [](const PoolShape& shape, int kind, const py::object& x, const py::object& y) {
          const PoolForward<T> args{shape, static_cast<PoolKind>(kind), pointer<const T>(x),
                                    pointer<T>(y)};
          const py::gil_scoped_release release;
          pool_forward(args);
        },
        py::arg("shape"), py::arg("kind"), py::arg("x"), py::arg("y"));
  m.def(("pool_backward" + suffix).c_str(),
        [](const PoolShape& shape, int kind, const py::object& dy, const py::object& x,
           const py::object& y, const py::object& dx) {
          const PoolBackward<T> args{shape,
                                     static_cast<PoolKind>(kind),
                                     pointer<const T>(dy),
                                     pointer<const T>(x),
                                     pointer<const T>(y),
                                     pointer<T>(dx)};
          const py::gil_scoped_release release;
          pool_backward(args);
        },
        py::arg("shape"), py::arg("kind"), py::arg("dy"), py::arg("x"), py::arg("y"),
        py::arg("dx"));
}

}  // namespace

void bind_pooling(py::module_& m) {
  m.attr("POOL_KINDS") = py::dict(py::arg("max") = static_cast<int>(PoolKind::kMax),
                                  py::arg("mean") = static_cast<int>(PoolKind::kMean),
                                  py::arg("sum") = static_cast<int>(PoolKind::kSum));
  py::class_<PoolShape>(m, "PoolShape").def(py::init(&pool_shape), py::arg("numbers"));
  bind_type<float>(m, "_float");
  bind_type<double>(m, "_double");
}

}  // namespace fastrnn::bindings
