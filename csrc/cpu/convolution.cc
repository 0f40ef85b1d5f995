// Convolution and its input gradient, both a product of pixels (cpu/pixel_product.h).
#include "cpu/kernel_gradient.h"
#include "cpu/pixel_product.h"

FASTRNN_ISA_BEGIN
namespace {

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
  PixelProduct<T> product(images, forward_pass(s), a.kernel);
  const int threads = team_for(work_of(s));
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

template <class T>
constexpr ConvFunctions<T> kFunctions = {forward<T>, input<T>, kernel_gradient<T>};

}  // namespace

const ConvTable* conv_table() {
  static constexpr ConvTable table = {kFunctions<float>, kFunctions<double>};
  return &table;
}

FASTRNN_ISA_END
