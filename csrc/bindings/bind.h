// One function a file of bindings, called by module.cc.
#pragma once

#include <pybind11/pybind11.h>

namespace fastrnn::bindings {

void bind_conv_lstm(pybind11::module_& m);
void bind_convolution(pybind11::module_& m);
void bind_ctc(pybind11::module_& m);
void bind_dense(pybind11::module_& m);
void bind_gather(pybind11::module_& m);
void bind_normalization(pybind11::module_& m);
void bind_pooling(pybind11::module_& m);
void bind_rectifier(pybind11::module_& m);
void bind_recurrent(pybind11::module_& m);

}  // namespace fastrnn::bindings

void bind_elementwise(pybind11::module_& m);
void bind_optimizer(pybind11::module_& m);
