// The extension module fastrnn._core.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <new>
#include <vector>

#include "bindings/bind.h"
#include "fastrnn.h"

namespace {

namespace py = pybind11;

// An array of unspecified content in the core's own memory (cpu/buffer.h).
template <class T>
py::array_t<T> empty(const std::vector<py::ssize_t>& shape) {
  std::size_t bytes = sizeof(T);
  for (const py::ssize_t size : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::size_t>(size), &bytes)) {
      throw std::bad_alloc();
    }
  }
  T* data = static_cast<T*>(fastrnn::Buffer::allocate(bytes));
  const py::capsule owner(data, [](void* p) { fastrnn::Buffer::release(p); });
  return py::array_t<T>(shape, data, owner);
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "C++ core of fastrnn. Not for direct use: it checks nothing; fastrnn.ops does.";
  m.attr("ISA") = fastrnn::isa_name();
  m.attr("COMPILER") = FASTRNN_COMPILER;
  const char* names[3];
  py::tuple isas(fastrnn::available_isas(names));
  for (size_t i = 0; i < isas.size(); ++i) isas[i] = names[i];
  m.attr("AVAILABLE_ISAS") = isas;
  m.def("num_threads", &fastrnn::num_threads);
  m.def("set_num_threads", &fastrnn::set_num_threads, py::arg("threads"));
  m.def("empty_float", &empty<float>, py::arg("shape"));
  m.def("empty_double", &empty<double>, py::arg("shape"));
  bind_elementwise(m);
  bind_optimizer(m);
  fastrnn::bindings::bind_conv_lstm(m);
  fastrnn::bindings::bind_convolution(m);
  fastrnn::bindings::bind_ctc(m);
  fastrnn::bindings::bind_dense(m);
  fastrnn::bindings::bind_gather(m);
  fastrnn::bindings::bind_normalization(m);
  fastrnn::bindings::bind_pooling(m);
  fastrnn::bindings::bind_rectifier(m);
  fastrnn::bindings::bind_recurrent(m);
}
