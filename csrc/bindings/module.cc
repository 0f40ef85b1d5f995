// The extension module fastrnn._core.
#include <pybind11/pybind11.h>

#include "bindings/bind.h"
#include "fastrnn.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "C++ core of fastrnn. Not for direct use: it checks nothing; fastrnn.ops does.";
  m.attr("ISA") = fastrnn::isa_name();
  m.attr("COMPILER") = FASTRNN_COMPILER;
  const char* names[3];
  pybind11::tuple isas(fastrnn::available_isas(names));
  for (size_t i = 0; i < isas.size(); ++i) isas[i] = names[i];
  m.attr("AVAILABLE_ISAS") = isas;
  m.def("num_threads", &fastrnn::num_threads);
  m.def("set_num_threads", &fastrnn::set_num_threads, pybind11::arg("threads"));
  bind_elementwise(m);
  bind_optimizer(m);
  fastrnn::bindings::bind_dense(m);
  fastrnn::bindings::bind_recurrent(m);
}
