// Convolution and its input gradient: both a product of pixels (cpu/pixel_product.h), or
// Winograd's.
#include "cpu/kernel_gradient.h"
#include "cpu/pixel_product.h"
#include "cpu/winograd.h"

FASTRNN_ISA_BEGIN
namespace {

// out: the size of what is written; see winograd_pays.
bool by_winograd(ConvAlgorithm algorithm, const ConvShape& s, const int* out, int source_channels,
                 int out_channels) {
  return algorithm == ConvAlgorithm::kWinograd ||
         (algorithm == ConvAlgorithm::kAuto &&
          winograd_pays(s, out, source_channels, out_channels));
}

template <class T>
void forward(const ConvForward<T>& a) {
  const ConvShape& s = a.shape;
  const Images<T> images{s.batch,
                         a.x,
                         s.in,
                         s.channels,
                         a.y,
                         s.out,
                         s.filters,
                         s.groups,
                         a.bias,
                         a.activation,
                         a.algorithm == ConvAlgorithm::kIm2col};
  const int threads = team_for(work_of(s));
  if (by_winograd(a.algorithm, s, s.out, s.channels, s.filters)) {
    return winograd(images, s.before + 1, a.kernel, false, threads);
  }
  PixelProduct<T> product(images, forward_pass(s), a.kernel);
  const Buffer memory = product.allocate(threads);
  auto body = [&](const Team& team) {
    if (team.rank() == 0) product.fill_table();
    product.pack(s, a.kernel, team);
    team.barrier();
    product.run(team);
  };
  run_team(threads, body);
}

template <class T>
void input(const ConvInput<T>& a) {
  const ConvShape& s = a.shape;
  const Images<T> images{s.batch,
                         a.dz,
                         s.out,
                         s.filters,
                         a.dx,
                         s.in,
                         s.channels,
                         s.groups,
                         a.bias,
                         a.activation,
                         a.algorithm == ConvAlgorithm::kIm2col};
  const int threads = team_for(work_of(s));
  if (by_winograd(a.algorithm, s, s.in, s.filters, s.channels)) {
    const int before[2] = {s.kernel[1] - 1 - s.before[1], s.kernel[2] - 1 - s.before[2]};
    return winograd(images, before, a.kernel, true, threads);
  }
  for (long phase = 0; phase < phase_count(s); ++phase) {
    const Pass pass = input_pass(s, phase);
    if (pass.empty()) continue;
    PixelProduct<T> product(images, pass);
    const Buffer memory = product.allocate(threads);
    auto body = [&](const Team& team) {
      if (team.rank() == 0) product.fill_table();
      product.pack_transpose(s, a.kernel, team);
      team.barrier();
      product.run(team);
    };
    run_team(threads, body);
  }
}

ConvAlgorithm algorithm(const ConvShape& s) {
  const bool winograd = by_winograd(ConvAlgorithm::kAuto, s, s.out, s.channels, s.filters);
  return winograd ? ConvAlgorithm::kWinograd : ConvAlgorithm::kDirect;
}

template <class T>
void weights(const ConvWeights<T>& a) {
  const ConvShape& s = a.shape;
  const int threads = team_for(work_of(s));
  if (a.algorithm == ConvAlgorithm::kWinograd ||
      (a.algorithm == ConvAlgorithm::kAuto && winograd_gradient_pays(s))) {
    return winograd_gradient(a, threads);
  }
  KernelGradient<T>(a).run(threads);
}

template <class T>
constexpr ConvFunctions<T> kFunctions = {forward<T>, input<T>, weights<T>};

}  // namespace

const ConvTable* conv_table() {
  static constexpr ConvTable table = {kFunctions<float>, kFunctions<double>, algorithm};
  return &table;
}

FASTRNN_ISA_END
