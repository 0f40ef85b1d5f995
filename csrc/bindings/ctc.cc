// Connectionist temporal classification. Shapes: ctc.h.
#include "ctc.h"

#include <string>

#include "bindings/arrays.h"
#include "bindings/bind.h"

namespace fastrnn::bindings {
namespace {

std::ptrdiff_t length(const py::object& array, int axis) {
  return py::reinterpret_borrow<py::array>(array).shape(axis);
}

template <class T>
void bind_type(py::module_& m, const std::string& suffix) {
  m.def(("ctc_loss" + suffix).c_str(),
        [](const py::object& logits, const py::object& labels, const py::object& logit_lengths,
           const py::object& label_lengths, std::int64_t blank, const py::object& losses,
           const py::object& dlogits) {
          const CtcLoss<T> args{length(logits, 0),
                                length(logits, 1),
                                length(logits, 2),
                                length(labels, 1),
                                blank,
                                pointer<const T>(logits),
                                pointer<const std::int64_t>(labels),
                                pointer<const std::int64_t>(logit_lengths),
                                pointer<const std::int64_t>(label_lengths),
                                pointer<T>(losses),
                                pointer<T>(dlogits)};
          const py::gil_scoped_release release;
          ctc_loss(args);
        },
        py::arg("logits"), py::arg("labels"), py::arg("logit_lengths"), py::arg("label_lengths"),
        py::arg("blank"), py::arg("losses"), py::arg("dlogits"));
  m.def(("ctc_decode" + suffix).c_str(),
        [](const py::object& logits, const py::object& lengths, std::int64_t blank, int beam_width,
           bool merge_repeated, const py::object& labels, const py::object& scores) {
          const CtcDecode<T> args{length(logits, 0),
                                  length(logits, 1),
                                  length(logits, 2),
                                  blank,
                                  pointer<const T>(logits),
                                  pointer<const std::int64_t>(lengths),
                                  beam_width,
                                  static_cast<int>(length(labels, 0)),
                                  merge_repeated,
                                  pointer<std::int64_t>(labels),
                                  pointer<T>(scores)};
          const py::gil_scoped_release release;
          ctc_decode(args);
        },
        py::arg("logits"), py::arg("lengths"), py::arg("blank"), py::arg("beam_width"),
        py::arg("merge_repeated"), py::arg("labels"), py::arg("scores"));
}

}  // namespace

void bind_ctc(py::module_& m) {
  bind_type<float>(m, "_float");
  bind_type<double>(m, "_double");
}

}  // namespace fastrnn::bindings
