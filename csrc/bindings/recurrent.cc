// Recurrent layers. Shapes: fastrnn.h.
#include <memory>
#include <string>
#include <utility>

#include "bindings/arrays.h"
#include "bindings/bind.h"
#include "fastrnn.h"

namespace fastrnn::bindings {
namespace {

// A cell and its weights. Their arrays may change in content only.
template <class T>
class BoundWeights {
 public:
  BoundWeights(int cell, int activation, int gate_activation, py::array kernel, py::array recurrent,
               py::object bias, py::object peephole)
      : config_{static_cast<CellKind>(cell),
                static_cast<int>(kernel.shape(0)),
                static_cast<int>(recurrent.shape(0)),
                static_cast<Activation>(activation),
                static_cast<Activation>(gate_activation),
                false},
        kernel_(std::move(kernel)),
        recurrent_(std::move(recurrent)),
        bias_(std::move(bias)),
        peephole_(std::move(peephole)) {}

  RecurrentConfig config(bool mask_per_gate) const {
    RecurrentConfig result = config_;
    result.mask_per_gate = mask_per_gate;
    return result;
  }

  RecurrentWeights<T> pointers() const {
    return {pointer<const T>(kernel_), pointer<const T>(recurrent_), pointer<const T>(bias_),
            pointer<const T>(peephole_)};
  }

  void pack(bool mask_per_gate, PackedRecurrent<T>* packed) const {
    const RecurrentConfig shape = config(mask_per_gate);
    const RecurrentWeights<T> weights = pointers();
    const py::gil_scoped_release release;
    pack_recurrent(shape, weights, packed);
  }

 private:
  RecurrentConfig config_;
  py::array kernel_, recurrent_;
  py::object bias_, peephole_;
};

// The arrays that forward and backward share; in Python a dictionary, made once a call.
template <class T>
RecurrentSequence<T> sequence_from(const py::dict& a) {
  const py::object x = a["x"];
  const auto x_array = py::reinterpret_borrow<py::array>(x);
  const py::object x_mask = a["x_mask"], h_mask = a["h_mask"];
  const py::object zoneout_h = a["zoneout_h"], zoneout_c = a["zoneout_c"];
  RecurrentSequence<T> s{};
  s.batch = static_cast<int>(x_array.shape(0));
  s.steps = static_cast<int>(x_array.shape(1));
  s.x = pointer<const T>(x);
  s.x_batch = stride<T>(x, 0);
  s.x_step = stride<T>(x, 1);
  s.h0 = pointer<const T>(a["h0"]);
  s.c0 = pointer<const T>(a["c0"]);
  s.mask = pointer<const std::uint8_t>(a["mask"]);
  s.reset = pointer<const std::uint8_t>(a["reset"]);
  s.reverse = a["reverse"].cast<bool>();
  s.y = pointer<T>(a["y"]);
  s.x_mask = pointer<const T>(x_mask);
  s.x_mask_gate = stride<T>(x_mask, 0);
  s.x_mask_batch = stride<T>(x_mask, 1);
  s.h_mask = pointer<const T>(h_mask);
  s.h_mask_gate = stride<T>(h_mask, 0);
  s.h_mask_batch = stride<T>(h_mask, 1);
  s.zoneout_h = pointer<const T>(zoneout_h);
  s.zoneout_h_batch = stride<T>(zoneout_h, 0);
  s.zoneout_h_step = stride<T>(zoneout_h, 1);
  s.zoneout_c = pointer<const T>(zoneout_c);
  s.zoneout_c_batch = stride<T>(zoneout_c, 0);
  s.zoneout_c_step = stride<T>(zoneout_c, 1);
  s.saved = pointer<T>(a["saved"]);
  s.c_all = pointer<T>(a["c_all"]);
  s.previous = pointer<std::int32_t>(a["previous"]);
  return s;
}

template <class T>
void bind_type(py::module_& m, const std::string& title, const char* suffix) {
  using Weights = BoundWeights<T>;
  using Packed = PackedRecurrent<T>;
  py::class_<Packed>(m, ("PackedRecurrent" + title).c_str());
  py::class_<Weights>(m, ("RecurrentWeights" + title).c_str())
      .def(py::init<int, int, int, py::array, py::array, py::object, py::object>(), py::arg("cell"),
           py::arg("activation"), py::arg("gate_activation"), py::arg("kernel"),
           py::arg("recurrent"), py::arg("bias"), py::arg("peephole"))
      .def(
          "pack",
          [](const Weights& weights, bool mask_per_gate) {
            auto packed = std::make_unique<Packed>();
            weights.pack(mask_per_gate, packed.get());
            return packed;
          },
          py::arg("mask_per_gate"));

  const std::string name(suffix);
  m.def(("recurrent_forward" + name).c_str(),
        [](const Packed& packed, const py::dict& arrays, const py::object& h_n,
           const py::object& c_n) {
          const RecurrentForward<T> args{sequence_from<T>(arrays), pointer<T>(h_n),
                                         pointer<T>(c_n)};
          const py::gil_scoped_release release;
          recurrent_forward(packed, args);
        },
        py::arg("packed"), py::arg("arrays"), py::arg("h_n"), py::arg("c_n"));
  m.def(("recurrent_step" + name).c_str(),
        [](const Packed& packed, const py::object& x, const py::object& h, const py::object& c,
           const py::object& y) {
          RecurrentForward<T> args{};
          args.seq.batch = static_cast<int>(py::reinterpret_borrow<py::array>(x).shape(0));
          args.seq.steps = 1;
          args.seq.x = pointer<const T>(x);
          args.seq.x_batch = stride<T>(x, 0);
          args.h_n = pointer<T>(h);
          args.c_n = pointer<T>(c);
          args.seq.h0 = args.h_n;
          args.seq.c0 = args.c_n;
          args.seq.y = pointer<T>(y);
          const py::gil_scoped_release release;
          recurrent_forward(packed, args);
        },
        py::arg("packed"), py::arg("x"), py::arg("h"), py::arg("c"), py::arg("y"));
  m.def(("recurrent_backward" + name).c_str(),
        [](const Weights& weights, bool mask_per_gate, const py::dict& arrays, const py::object& dy,
           const py::object& dh_n, const py::object& dc_n, const py::dict& out) {
          RecurrentBackward<T> args{};
          args.seq = sequence_from<T>(arrays);
          args.weights = weights.pointers();
          args.dy = pointer<const T>(dy);
          args.dh_n = pointer<const T>(dh_n);
          args.dc_n = pointer<const T>(dc_n);
          args.dx = pointer<T>(out["x"]);
          args.dkernel = pointer<T>(out["kernel"]);
          args.drecurrent = pointer<T>(out["recurrent_kernel"]);
          args.dbias = pointer<T>(out["bias"]);
          args.dpeephole = pointer<T>(out["peephole"]);
          args.dh0 = pointer<T>(out["h0"]);
          args.dc0 = pointer<T>(out["c0"]);
          const RecurrentConfig config = weights.config(mask_per_gate);
          const py::gil_scoped_release release;
          recurrent_backward(config, args);
        },
        py::arg("weights"), py::arg("mask_per_gate"), py::arg("arrays"), py::arg("dy"),
        py::arg("dh_n"), py::arg("dc_n"), py::arg("out"));
}

}  // namespace

void bind_recurrent(py::module_& m) {
  bind_type<float>(m, "Float", "_float");
  bind_type<double>(m, "Double", "_double");
  py::dict cells;
  for (int kind = 0; kind < static_cast<int>(CellKind::kCount); ++kind) {
    const CellInfo info = cell_info(static_cast<CellKind>(kind));
    cells[info.name] = py::make_tuple(kind, info.blocks, info.saved_units);
  }
  m.attr("CELLS") = cells;
}

}  // namespace fastrnn::bindings
