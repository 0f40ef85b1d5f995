// The GPU's runs on the host: the same orchestration and the same kernels, block after block.
#include <algorithm>
#include <bit>
#include <stdexcept>

#include "cuda/cuda.h"
#include "cuda/persistent.h"
#include "cuda/run.h"

namespace fastrnn::cuda {
namespace {

// Runs a launch of Block::step. Within a step the order of the blocks and that of the warps change
// with the step: on a GPU it is not known either. Memory that nothing has written is NaN.
template <class Product, int kTiles, class Pass>
void run_blocks(const Plan& plan, const Steps<typename Product::S>& steps, int begin, int end) {
  using B = Block<Product, kTiles, Pass>;
  const Shape& shape = plan.shape;
  const int count = shape.row_groups * shape.unit_groups;
  std::vector<std::vector<float>> memory(
      count, std::vector<float>(plan.shared_bytes / sizeof(float), float_of(0xffffffffu)));
  std::vector<char*> shared;
  shared.reserve(count);
  for (auto& block : memory) shared.push_back(reinterpret_cast<char*>(block.data()));
  std::vector<std::vector<typename B::Warp>> warps(count);
  std::vector<B> blocks;
  blocks.reserve(count);
  for (int i = 0; i < count; ++i) {
    warps[i].resize(kWarps);
    const int group = i / shape.unit_groups * shape.unit_groups;
    blocks.emplace_back(steps, shape, i, shared[i], Peers{&shared[group], i - group});
  }
  for (int i = 0; i < count; ++i) blocks[i].begin({warps[i].data(), kWarps, false}, begin);
  for (int step = begin; step < end; ++step) {
    for (int k = 0; k < count; ++k) {
      const int i = step % 2 ? count - 1 - k : k;
      blocks[i].step({warps[i].data(), kWarps, step % 4 > 1}, step, step + 1 == end);
    }
  }
}

template <class Product, class Pass, class... Args>
void with_tiles(int tiles, const Args&... args) {
  switch (tiles) {
    case 1:
      return run_blocks<Product, 1, Pass>(args...);
    case 2:
      return run_blocks<Product, 2, Pass>(args...);
    default:
      return run_blocks<Product, 3, Pass>(args...);
  }
}

class HostQueue {
 public:
  HostQueue(const Problem& problem, const Plan& plan) : p_(problem), plan_(plan) {}

  static void zero(void* memory, std::size_t bytes) { memset(memory, 0, bytes); }

  template <class Fn>
  void each(std::int64_t count, const Fn& fn) {
    for (std::int64_t i = 0; i < count; ++i) fn(i);
  }

  template <class S, class Out>
  void gemm(const Gemm<S, Out>& g) {
    const bool tf32 = std::is_same_v<S, float> && p_.math == Math::kTf32;
    if (g.lda < (g.transpose_a ? g.m : g.k) || g.ldb < (g.transpose_b ? g.k : g.n) || g.ldc < g.n) {
      throw std::logic_error("gemm: a leading dimension is too small");
    }
    std::vector<float> row(g.n);
    for (int b = 0; b < g.batch; ++b) {
      const S* a = g.a + b * g.a_stride;
      for (int i = 0; i < g.m; ++i) {
        std::ranges::fill(row, 0.0f);
        for (int k = 0; k < g.k; ++k) {
          const float value = factor(a[g.transpose_a ? k * g.lda + i : i * g.lda + k], tf32);
          for (int j = 0; j < g.n; ++j) {
            row[j] += value * factor(g.b[g.transpose_b ? j * g.ldb + k : k * g.ldb + j], tf32);
          }
        }
        Out* c = g.c + b * g.c_stride + i * g.ldc;
        for (int j = 0; j < g.n; ++j) {
          c[j] = from_float<Out>(row[j] + (g.add ? to_float(c[j]) : 0.0f));
        }
      }
    }
  }

  template <class S>
  void persistent(const Steps<S>& steps, int begin, int end) {
    if (p_.backward) {
      persistent<BackwardPass>(steps, begin, end);
    } else {
      persistent<ForwardPass>(steps, begin, end);
    }
  }

  // As a graph of a few steps does, then step by step.
  template <class Fn>
  void repeat(int begin, int end, int* counter, const Fn& fn) {
    constexpr int kGraph = 3;
    *counter = begin;
    for (; begin + kGraph <= end; begin += kGraph) {
      for (int i = 0; i < kGraph; ++i) fn(StepNumber{counter, i});
      AddSteps{counter, kGraph}(0);
    }
    for (; begin < end; ++begin) fn(StepNumber{nullptr, begin});
  }

 private:
  // What a product takes of a number: of TF32 cuBLAS may cut the low bits off, which is worse than
  // to round them.
  template <class S>
  static float factor(S value, bool tf32) {
    const float whole = to_float(value);
    return tf32 ? std::bit_cast<float>(std::bit_cast<std::uint32_t>(whole) & 0xffffe000u) : whole;
  }

  template <class Pass, class S>
  void persistent(const Steps<S>& steps, int begin, int end) {
    const int tiles = plan_.shape.tiles;
    if constexpr (!std::is_same_v<S, float>) {
      with_tiles<HalfProduct<S>, Pass>(tiles, plan_, steps, begin, end);
    } else if (p_.math == Math::kFloat) {
      with_tiles<FloatProduct, Pass>(tiles, plan_, steps, begin, end);
    } else {
      with_tiles<Tf32Product, Pass>(tiles, plan_, steps, begin, end);
    }
  }

  const Problem& p_;
  const Plan& plan_;
};

template <class S>
void run(const Problem& problem, const Plan& plan, const Arrays& arrays, void* memory) {
  const Workspace workspace = lay_out(problem, plan, memory);
  memset(memory, 0xff, workspace.bytes);
  HostQueue queue(problem, plan);
  Run<S, HostQueue> run(problem, plan, arrays, workspace, queue);
  if (problem.backward) {
    run.backward();
  } else {
    run.forward();
  }
}

void run_stored(const Problem& problem, const Plan& plan, const Arrays& arrays, void* memory) {
  switch (problem.storage) {
    case Storage::kFloat:
      return run<float>(problem, plan, arrays, memory);
    case Storage::kBFloat16:
      return run<BFloat16>(problem, plan, arrays, memory);
    case Storage::kHalf:
      return run<Half>(problem, plan, arrays, memory);
  }
}

}  // namespace

std::vector<Limits> devices() {
  int count;
  const Limits* known = known_limits(&count);
  return {known, known + count};
}

int driver_version() { return 0; }
std::string blas_path(const std::vector<std::string>&) { return "simulation"; }

Plan plan_on_device(const Problem& problem, int device) {
  return make_plan(problem, devices().at(device));
}

void forward(const Problem& problem, const Plan& plan, const Arrays& arrays, void* workspace,
             void*) {
  run_stored(problem, plan, arrays, workspace);
}

void backward(const Problem& problem, const Plan& plan, const Arrays& arrays, void* workspace,
              void*) {
  run_stored(problem, plan, arrays, workspace);
}

}  // namespace fastrnn::cuda
