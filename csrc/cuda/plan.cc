#include "cuda/plan.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "cuda/workspace.h"

namespace fastrnn::cuda {
namespace {

// A model of a step's time, in a multiprocessor's cycles: good enough to compare ways of cutting,
// not a prediction. The waits are round numbers for what is published of Ampere and Hopper.
constexpr double kGridWait = 1500, kClusterWait = 350, kBlockWait = 60;
constexpr double kRemoteStore = 4;  // of a warp, to another block of the cluster
constexpr double kFetchLatency = 700, kL2BytesPerCycle = 28;
constexpr double kPointwise = 500;
constexpr double kTileLatency = 60;  // from one step over the terms to a warp's next
constexpr double kLaunches = 10000;  // tier C: a product of few rows and a kernel, one after
                                     // the other
constexpr double kProductEfficiency = 0.6;
constexpr double kCyclesPerMicrosecond = 1600;

constexpr std::int64_t kChunkBytes = std::int64_t{512} << 20;

bool is_half(Storage s) { return s != Storage::kFloat; }

// Multiplications and additions a multiprocessor finishes in a cycle, by the data sheets.
double rate(const Problem& p, int capability) {
  if (is_half(p.storage)) return capability == 80 || capability >= 90 ? 1024 : 512;
  if (p.math == Math::kFloat) return capability == 75 || capability == 80 ? 64 : 128;
  const double tf32 = capability == 80 || capability >= 90 ? 512 : 128;
  return p.math == Math::kTf32 ? tf32 : tf32 / 3;
}

static_assert(FloatProduct::kHeld == Tf32Product::kHeld);
int held_words(const Problem& p) {
  return is_half(p.storage) ? HalfProduct<Half>::kHeld : FloatProduct::kHeld;
}

class Planner {
 public:
  Planner(const Problem& problem, const Limits& limits)
      : p_(problem),
        limits_(limits),
        columns_(columns_of(problem.cell)),
        padded_(static_cast<int>(round_up(problem.hidden, kPadding))),
        multiprocessors_(std::max(limits.multiprocessors / std::max(problem.share, 1), 1)) {}

  // Why a persistent kernel can't take the problem, or null.
  const char* refusal() const {
    if (columns_.two_stages()) return "the reset before the product takes two products a step";
    if (p_.h_mask == Dropout::kPerGate) return "each gate has its own recurrent dropout";
    const bool tanh = p_.activation == Activation::kTanh;
    if (columns_.blocks == 1) {
      return tanh || p_.activation == Activation::kRelu ? nullptr
                                                        : "the activation is neither tanh nor relu";
    }
    return tanh && p_.gate_activation == Activation::kSigmoid
               ? nullptr
               : "the activations are not tanh and sigmoid";
  }

  bool clusters(Plan* best) const {
    bool found = false;
    for (int groups = 1; groups <= limits_.cluster; groups *= 2) {
      if (groups > p_.hidden || groups > multiprocessors_) break;
      const int units = (p_.hidden + groups - 1) / groups;
      if ((p_.hidden + units - 1) / units != groups) continue;
      found |= cut('A', groups, units, multiprocessors_ / groups, best, found);
    }
    return found;
  }

  bool grid(Plan* best) const {
    bool found = false;
    const int most = std::min((p_.batch + kTileRows - 1) / kTileRows, multiprocessors_);
    for (int rows = 1; rows <= most; ++rows) {
      const int groups = std::min(multiprocessors_ / rows, p_.hidden);
      const int units = (p_.hidden + groups - 1) / groups;
      found |= cut('B', (p_.hidden + units - 1) / units, units, rows, best, found);
    }
    return found;
  }

  Plan products() const {
    Plan plan{};
    plan.tier = 'C';
    const double work = static_cast<double>(p_.batch) * columns_.state_gates * padded_ * padded_;
    const double stages = columns_.two_stages() ? 2 : 1;
    const double read = static_cast<double>(columns_.state_gates) * padded_ * padded_ *
                        size_of(p_.storage) / kL2BytesPerCycle;
    const double product =
        std::max(work / rate(p_, limits_.compute_capability) / kProductEfficiency, read);
    plan.microseconds = (product / multiprocessors_ + stages * kLaunches) / kCyclesPerMicrosecond;
    return plan;
  }

 private:
  int gates() const { return p_.backward ? 1 : columns_.state_gates; }

  // The best shape with these units a block and at most `row_groups`.
  bool cut(char tier, int unit_groups, int units, int row_groups, Plan* best, bool found) const {
    Shape s{};
    s.unit_groups = unit_groups;
    s.units = units;
    s.rows = std::max((p_.batch + row_groups - 1) / row_groups, 1);
    if (tier == 'A') s.rows = std::min(round_up(s.rows, kTileRows), p_.batch);
    s.row_groups = (p_.batch + s.rows - 1) / s.rows;
    s.columns = units * gates();
    s.depth = (p_.backward ? columns_.state_gates : 1) * padded_;
    s.cluster = tier == 'A';
    s.value_bytes = size_of(p_.storage);
    s.parts = p_.math == Math::kTf32x3 ? 3 : 1;
    const int tiles = (s.columns + kTileColumns - 1) / kTileColumns;
    for (int column_warps = 1; column_warps <= kWarps; column_warps *= 2) {
      s.column_warps = column_warps;
      s.tiles = (tiles + column_warps - 1) / column_warps;
      if (s.tiles > kMaxTiles || !fit_chunk(&s)) continue;
      const double time = cycles(s) / kCyclesPerMicrosecond;
      if (found && time >= best->microseconds) continue;
      found = true;
      best->tier = tier;
      best->shape = s;
      best->microseconds = time;
    }
    return found;
  }

  int held(const Shape& s) const { return held_steps(held_words(p_), s.value_bytes, s.tiles); }

  // The largest chunk of terms with which all fits into shared memory.
  bool fit_chunk(Shape* s) const {
    constexpr int kMostChunks = 16;
    for (int chunks = 1; chunks <= (s->cluster ? 1 : kMostChunks); ++chunks) {
      s->chunk = round_up((s->blocks() + chunks - 1) / chunks, s->depth_warps());
      if (s->shared_bytes(held(*s)) <= limits_.shared_bytes) return true;
    }
    return false;
  }

  double cycles(const Shape& s) const {
    const double tile_steps = static_cast<double>(s.row_tiles()) * s.warp_steps();
    const double work = tile_steps * s.depth_warps() * s.tile_row() * kTileSize * kTileRows;
    const double product =
        std::max(work / rate(p_, limits_.compute_capability) / kProductEfficiency,
                 tile_steps * kTileLatency);
    const double rounds = s.row_tiles() * ((kTileRows * s.units + kThreads - 1) / kThreads);
    double exchange = kBlockWait;
    if (s.cluster && s.unit_groups > 1) {
      const double published =
          static_cast<double>(s.rows) * s.units * (p_.backward ? columns_.state_gates : 1);
      exchange = kClusterWait + published / kWarp * s.unit_groups * kRemoteStore;
    } else if (!s.cluster) {
      exchange = kGridWait + kFetchLatency +
                 static_cast<double>(s.row_tiles()) * kTileRows * s.depth * s.value_bytes /
                     kL2BytesPerCycle;
    }
    return product + rounds * kPointwise + exchange;
  }

  const Problem& p_;
  const Limits& limits_;
  Columns columns_;
  int padded_;
  int multiprocessors_;
};

int chunk_steps(const Problem& p) {
  const Columns columns = columns_of(p.cell);
  const std::int64_t width = p.backward
                                 ? static_cast<std::int64_t>(columns.count) * size_of(p.storage)
                                 : static_cast<std::int64_t>(columns.input_gates) * sizeof(float);
  const std::int64_t step = width * round_up(p.hidden, kPadding) * p.batch;
  const std::int64_t most = std::max<std::int64_t>(kChunkBytes / step, 1);
  const std::int64_t chunks = (p.steps + most - 1) / most;
  return static_cast<int>((p.steps + chunks - 1) / chunks);
}

std::string describe(const Plan& plan, double without) {
  char text[200];
  const Shape& s = plan.shape;
  if (plan.tier == 'A') {
    std::snprintf(text, sizeof text,
                  "the state's product stays within %s of %d, %d at a time: about %.1f us a step",
                  s.unit_groups == 1 ? "blocks" : "clusters", s.unit_groups, s.row_groups,
                  plan.microseconds);
  } else {
    std::snprintf(text, sizeof text,
                  "%d x %d blocks hold the weights and wait for each other once a step: about "
                  "%.1f us, step by step %.1f us",
                  s.row_groups, s.unit_groups, plan.microseconds, without);
  }
  return text;
}

void check(const Problem& p, const Limits& limits) {
  const bool half = p.storage == Storage::kHalf;
  const bool turing = !half && (p.storage == Storage::kBFloat16 || p.math != Math::kFloat);
  const int needed = turing ? 80 : 75;
  if (limits.compute_capability >= needed) return;
  const char* what = p.storage == Storage::kBFloat16 ? "bfloat16" : turing ? "TF32" : "fastrnn";
  char text[160];
  std::snprintf(text, sizeof text, "%s needs compute capability %d.%d, %s has %d.%d", what,
                needed / 10, needed % 10, limits.name.c_str(), limits.compute_capability / 10,
                limits.compute_capability % 10);
  throw std::invalid_argument(text);
}

}  // namespace

Plan make_plan(const Problem& problem, const Limits& limits, char below) {
  check(problem, limits);
  const Planner planner(problem, limits);
  const Plan products = planner.products();
  Plan plan = products;
  std::string refusal;
  if (const char* why = planner.refusal()) refusal = why;
  const auto wanted = [&](char tier) {
    return tier > below && (problem.tier == 0 || problem.tier == tier);
  };
  if (refusal.empty()) {
    Plan found{};
    bool any = false;
    const auto consider = [&](bool fits) {
      any |= fits;
      if (fits && (problem.tier || found.microseconds < plan.microseconds)) plan = found;
    };
    if (wanted('A')) consider(planner.clusters(&found));
    if (wanted('B')) consider(planner.grid(&found));
    refusal = any ? "step by step is estimated to be as fast"
                  : "the recurrent weights do not fit into registers and shared memory";
  }
  if (problem.tier && plan.tier != problem.tier) {
    throw std::invalid_argument(std::string("tier ") + problem.tier + ": " + refusal);
  }
  if (plan.tier == 'C') {
    plan.reason = "a product and a kernel a step: " +
                  (problem.tier == 'C' ? std::string("as asked for") : refusal);
  } else {
    const Shape& s = plan.shape;
    const int held = held_steps(held_words(problem), s.value_bytes, s.tiles);
    const std::int64_t tile_row =
        static_cast<std::int64_t>(s.tile_row()) * kTileSize * s.value_bytes;
    plan.reason = describe(plan, products.microseconds);
    plan.shared_bytes = s.shared_bytes(held);
    plan.weight_bytes = s.blocks() * tile_row;
    plan.register_bytes = plan.weight_bytes - s.weight_bytes(held);
  }
  return with_chunk(plan, problem, chunk_steps(problem));
}

Plan with_chunk(Plan plan, const Problem& problem, int steps) {
  plan.chunk_steps = std::min(steps, problem.steps);
  plan.workspace = static_cast<std::int64_t>(lay_out(problem, plan, nullptr).bytes);
  return plan;
}

const Limits* known_limits(int* count) {
  constexpr std::int64_t kKb = 1024, kMb = 1024 * kKb, kGb = 1024 * kMb;
  static const Limits known[] = {
      {"T4", 75, 40, 64 * kKb, 1, 16 * kGb, 4 * kMb},
      {"A100", 80, 108, 163 * kKb, 1, 40 * kGb, 40 * kMb},
      {"A10", 86, 72, 99 * kKb, 1, 24 * kGb, 6 * kMb},
      {"L4", 89, 58, 99 * kKb, 1, 24 * kGb, 48 * kMb},
      {"4090", 89, 128, 99 * kKb, 1, 24 * kGb, 72 * kMb},
      {"H100", 90, 132, 227 * kKb, 16, 80 * kGb, 50 * kMb},
      {"H200", 90, 132, 227 * kKb, 16, 141 * kGb, 60 * kMb},
  };
  *count = static_cast<int>(std::size(known));
  return known;
}

}  // namespace fastrnn::cuda
