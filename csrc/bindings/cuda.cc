// The extension modules fastrnn._cuda and, for tests without a GPU, fastrnn._cuda_simulation.
// Arrays come as numbers: pointers, and where fastrnn.ops says so strides in elements.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <string>

#include "cuda/cuda.h"

namespace fastrnn::cuda {
namespace {

namespace py = pybind11;

template <class T>
T one_of(const std::map<std::string, T>& values, const char* what, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end()) throw py::value_error(what + (": unknown " + name));
  return found->second;
}

Problem problem_from(const py::dict& d) {
  const auto number = [&](const char* name) { return d[name].cast<int>(); };
  const auto flag = [&](const char* name) { return d[name].cast<bool>(); };
  const auto tier = d["tier"].cast<std::string>();
  Problem p{};
  p.cell = static_cast<CellKind>(number("cell"));
  p.activation = static_cast<Activation>(number("activation"));
  p.gate_activation = static_cast<Activation>(number("gate_activation"));
  p.batch = number("batch");
  p.steps = number("steps");
  p.input = number("input");
  p.hidden = number("hidden");
  p.storage = one_of<Storage>(
      {{"float32", Storage::kFloat}, {"bfloat16", Storage::kBFloat16}, {"float16", Storage::kHalf}},
      "storage", d["storage"].cast<std::string>());
  p.math =
      one_of<Math>({{"float32", Math::kFloat}, {"3xtf32", Math::kTf32x3}, {"tf32", Math::kTf32}},
                   "math", d["math"].cast<std::string>());
  if (p.storage != Storage::kFloat) p.math = Math::kFloat;
  p.backward = flag("backward");
  p.reverse = flag("reverse");
  p.training = flag("training");
  p.x_mask = static_cast<Dropout>(number("x_mask"));
  p.h_mask = static_cast<Dropout>(number("h_mask"));
  p.bias = flag("bias");
  p.peephole = flag("peephole");
  p.mask = flag("mask");
  p.reset = flag("reset");
  p.need_dx = flag("need_dx");
  p.share = number("share");
  p.device = number("device");
  p.tier = tier.empty() ? char{0} : tier[0];
  return p;
}

py::dict to_dict(const Limits& limits) {
  py::dict d;
  d["name"] = limits.name;
  d["compute_capability"] = limits.compute_capability;
  d["multiprocessors"] = limits.multiprocessors;
  d["shared_bytes"] = limits.shared_bytes;
  d["cluster"] = limits.cluster;
  d["memory"] = limits.memory;
  d["l2_bytes"] = limits.l2_bytes;
  return d;
}

Limits limits_from(const py::dict& d) {
  return {d["name"].cast<std::string>(),     d["compute_capability"].cast<int>(),
          d["multiprocessors"].cast<int>(),  d["shared_bytes"].cast<std::int64_t>(),
          d["cluster"].cast<int>(),          d["memory"].cast<std::int64_t>(),
          d["l2_bytes"].cast<std::int64_t>()};
}

py::dict to_dict(const Plan& plan) {
  const Shape& s = plan.shape;
  const bool blocks = plan.tier != 'C';
  py::dict d;
  d["tier"] = std::string(1, plan.tier);
  d["reason"] = plan.reason;
  d["blocks"] = blocks ? s.unit_groups * s.row_groups : 0;
  d["unit_groups"] = s.unit_groups;
  d["row_groups"] = s.row_groups;
  d["units"] = s.units;
  d["tiles"] = s.tiles;
  d["column_warps"] = s.column_warps;
  d["chunks"] = blocks && !s.cluster ? s.chunks() : 0;
  d["threads"] = blocks ? kThreads : 0;
  d["shared_bytes"] = plan.shared_bytes;
  d["weight_bytes"] = plan.weight_bytes;
  d["register_bytes"] = plan.register_bytes;
  d["chunk_steps"] = plan.chunk_steps;
  d["workspace"] = plan.workspace;
  d["microseconds"] = plan.microseconds;
  d["raw"] = plan;
  return d;
}

// None, a pointer, or (pointer, stride, stride).
struct Given {
  void* data = nullptr;
  std::int64_t stride[2] = {};
};

Given given(const py::dict& arrays, const char* name) {
  Given g;
  if (!arrays.contains(name)) return g;
  const py::object value = arrays[name];
  if (value.is_none()) return g;
  if (!py::isinstance<py::tuple>(value)) {
    g.data = reinterpret_cast<void*>(value.cast<std::uintptr_t>());
    return g;
  }
  const auto [pointer, first, second] =
      value.cast<std::tuple<std::uintptr_t, std::int64_t, std::int64_t>>();
  return {reinterpret_cast<void*>(pointer), {first, second}};
}

Arrays arrays_from(const py::dict& d) {
  const auto floats = [&](const char* name) { return static_cast<float*>(given(d, name).data); };
  const auto flags = [&](const char* name) {
    return static_cast<const std::uint8_t*>(given(d, name).data);
  };
  Arrays a{};
  const Given x = given(d, "x");
  a.x = x.data;
  a.x_batch = x.stride[0];
  a.x_step = x.stride[1];
  a.kernel = given(d, "kernel").data;
  a.recurrent = given(d, "recurrent_kernel").data;
  a.bias = floats("bias");
  a.peephole = floats("peephole");
  a.h0 = floats("h0");
  a.c0 = floats("c0");
  a.mask = flags("mask");
  a.reset = flags("reset");
  const Given x_mask = given(d, "x_mask"), h_mask = given(d, "h_mask");
  a.x_mask = static_cast<const float*>(x_mask.data);
  a.x_mask_gate = x_mask.stride[0];
  a.x_mask_batch = x_mask.stride[1];
  a.h_mask = static_cast<const float*>(h_mask.data);
  a.h_mask_gate = h_mask.stride[0];
  a.h_mask_batch = h_mask.stride[1];
  const Given zoneout_h = given(d, "zoneout_h"), zoneout_c = given(d, "zoneout_c");
  a.zoneout_h = static_cast<const float*>(zoneout_h.data);
  a.zoneout_h_batch = zoneout_h.stride[0];
  a.zoneout_h_step = zoneout_h.stride[1];
  a.zoneout_c = static_cast<const float*>(zoneout_c.data);
  a.zoneout_c_batch = zoneout_c.stride[0];
  a.zoneout_c_step = zoneout_c.stride[1];
  a.y = given(d, "y").data;
  a.h_n = floats("h_n");
  a.c_n = floats("c_n");
  a.saved = given(d, "saved").data;
  a.c_all = floats("c_all");
  a.previous = static_cast<std::int32_t*>(given(d, "previous").data);
  a.dy = given(d, "dy").data;
  a.dh_n = floats("dh_n");
  a.dc_n = floats("dc_n");
  a.dx = given(d, "dx").data;
  a.dkernel = floats("dkernel");
  a.drecurrent = floats("drecurrent");
  a.dbias = floats("dbias");
  a.dpeephole = floats("dpeephole");
  a.dh0 = floats("dh0");
  a.dc0 = floats("dc0");
  return a;
}

using Function = void (*)(const Problem&, const Plan&, const Arrays&, void*, void*);

void bind_run(py::module_& m, const char* name, Function function) {
  m.def(
      name,
      [function](const py::dict& problem, const py::dict& plan, const py::dict& arrays,
                 std::uintptr_t workspace, std::uintptr_t stream) {
        const Problem p = problem_from(problem);
        const auto& raw = plan["raw"].cast<const Plan&>();
        const Arrays a = arrays_from(arrays);
        const py::gil_scoped_release release;
        function(p, raw, a, reinterpret_cast<void*>(workspace), reinterpret_cast<void*>(stream));
      },
      py::arg("problem"), py::arg("plan"), py::arg("arrays"), py::arg("workspace"),
      py::arg("stream"));
}

}  // namespace
}  // namespace fastrnn::cuda

PYBIND11_MODULE(FASTRNN_CUDA_MODULE, m) {
  using namespace fastrnn::cuda;
  m.doc() = "Recurrent layers on the GPU. Not for direct use: it checks nothing; fastrnn.ops does.";
  m.attr("ARCHITECTURES") = FASTRNN_CUDA_ARCHITECTURES;
  m.attr("COMPILER") = FASTRNN_CUDA_COMPILER;
  py::class_<Plan>(m, "Plan");
  m.def(
      "plan",
      [](const py::dict& problem, const py::dict& limits) {
        return to_dict(make_plan(problem_from(problem), limits_from(limits)));
      },
      py::arg("problem"), py::arg("limits"));
  m.def(
      "plan_on_device",
      [](const py::dict& problem, int device) {
        return to_dict(plan_on_device(problem_from(problem), device));
      },
      py::arg("problem"), py::arg("device"));
  m.def(
      "with_chunk",
      [](const py::dict& plan, const py::dict& problem, int steps) {
        return to_dict(with_chunk(plan["raw"].cast<Plan>(), problem_from(problem), steps));
      },
      py::arg("plan"), py::arg("problem"), py::arg("steps"));
  m.def("known_limits", [] {
    int count;
    const Limits* known = known_limits(&count);
    py::dict result;
    for (int i = 0; i < count; ++i) result[known[i].name.c_str()] = to_dict(known[i]);
    return result;
  });
  m.def("devices", [] {
    py::list result;
    for (const Limits& limits : devices()) result.append(to_dict(limits));
    return result;
  });
  m.def("driver_version", &driver_version);
  m.def("cublas", &blas_path, py::arg("folders") = std::vector<std::string>());
  bind_run(m, "forward", &forward);
  bind_run(m, "backward", &backward);
}
