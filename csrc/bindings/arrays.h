// NumPy arrays to pointers. Shapes and dtypes were checked in Python (fastrnn.ops).
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>

namespace fastrnn::bindings {

namespace py = pybind11;

template <class T>
T* pointer(const py::object& array) {
  if (array.is_none()) return nullptr;
  return static_cast<T*>(const_cast<void*>(py::reinterpret_borrow<py::array>(array).data()));
}

// Elements from one index of `axis` to the next; 0 for None.
template <class T>
std::ptrdiff_t stride(const py::object& array, int axis) {
  if (array.is_none()) return 0;
  return py::reinterpret_borrow<py::array>(array).strides(axis) /
         static_cast<std::ptrdiff_t>(sizeof(T));
}

}  // namespace fastrnn::bindings
