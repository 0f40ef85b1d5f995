// One function a file of bindings, called by module.cc.
#pragma once

#include <pybind11/pybind11.h>

namespace fastrnn::bindings {

void bind_dense(pybind11::module_& m);
void bind_recurrent(pybind11::module_& m);

}  // namespace fastrnn::bindings

void bind_elementwise(pybind11::module_& m);
void bind_optimizer(pybind11::module_& m);
