#include "cuda/workspace.h"

#include <algorithm>

namespace fastrnn::cuda {
namespace {

class Arena {
 public:
  explicit Arena(void* memory) : memory_(static_cast<char*>(memory)) {}

  template <class T>
  T* take(std::int64_t count, int size = sizeof(T)) {
    if (count == 0) return nullptr;
    char* part = memory_ + used_;
    used_ += static_cast<std::size_t>(round_up(count * size, 256));
    return reinterpret_cast<T*>(part);
  }
  std::size_t used() const { return used_; }

 private:
  char* memory_;
  std::size_t used_ = 0;
};

}  // namespace

Workspace lay_out(const Problem& p, const Plan& plan, void* memory) {
  const Columns columns = columns_of(p.cell);
  const int value = size_of(p.storage);
  const std::int64_t padded = round_up(p.hidden, kPadding);
  const std::int64_t n = p.batch, units = n * p.hidden, rows = n * plan.chunk_steps;
  const std::int64_t input_columns = columns.input_gates * padded;
  const std::int64_t state_columns = columns.state_gates * padded;
  const std::int64_t all_columns = columns.count * padded;
  const bool blocks = plan.tier != 'C';
  Arena arena(memory);
  Workspace w{};
  const auto values = [&](std::int64_t count) {
    return static_cast<void*>(arena.take<char>(count, value));
  };
  w.recurrent = values(padded * state_columns);
  w.state = arena.take<float>(3 * units);
  w.handed = arena.take<float>(columns.two_stages() ? units : 0);
  w.operand = values((p.backward ? 2 : std::max(columns.state_gates, 2)) * n *
                     (p.backward ? state_columns : padded));
  w.product = arena.take<float>(blocks ? 0 : n * state_columns);
  w.arrived = arena.take<unsigned>(blocks ? plan.shape.row_groups * kCounterStride : 0);
  w.step = arena.take<int>(blocks ? 0 : 1);
  w.blas = arena.take<char>(kBlasBytes);
  if (!p.backward || p.need_dx) w.kernel = values(p.input * input_columns);
  if (!p.backward) {
    w.bias = arena.take<float>(all_columns);
    w.projected = arena.take<float>(rows * input_columns);
    w.gathered = values(rows * p.input);
    return w.bytes = arena.used(), w;
  }
  w.dsums = values(rows * all_columns);
  w.gathered = values(rows * std::max(p.input, p.hidden));
  w.dkernel = arena.take<float>(p.input * input_columns);
  w.drecurrent = arena.take<float>(p.hidden * state_columns);
  w.parts = arena.take<float>(kSumParts * all_columns);
  w.sums = arena.take<float>(all_columns);
  const bool dropout = p.need_dx && p.x_mask != Dropout::kNone;
  w.dx_product = arena.take<float>(dropout ? rows * p.input : 0);
  w.dx_sum = arena.take<float>(dropout ? rows * p.input : 0);
  w.bytes = arena.used();
  return w;
}

}  // namespace fastrnn::cuda
