// A run from beginning to end: weights into columns, x's products for a chunk of time, the steps,
// then the gradients' products. `Queue` carries it out: the GPU's (queue.h), or the simulation's.
//
// A Queue has
//   zero(pointer, bytes)
//   each(count, function object)          elements in any order
//   gemm(Product)                         row-major matrices
//   persistent<Backward>(steps, begin, end)       tiers A and B
//   repeat(begin, end, counter, fn)       tier C: fn(StepNumber) for each step
#pragma once

#include <algorithm>

#include "cuda/elementwise.h"
#include "cuda/step_kernels.h"
#include "cuda/workspace.h"

namespace fastrnn::cuda {

// C = A B + (add ? C : 0), `batch` times. Row-major; leading dimensions in elements.
template <class S, class Out>
struct Gemm {
  bool transpose_a, transpose_b;
  int m, n, k;
  const S* a;
  std::int64_t lda;
  const S* b;
  std::int64_t ldb;
  Out* c;
  std::int64_t ldc;
  bool add = false;
  int batch = 1;
  std::int64_t a_stride = 0, c_stride = 0;
};

// A chunk of time: steps [begin, end) in running order, [first, first + count) in time.
struct Chunk {
  int begin, end, first, count;
};

template <class S, class Queue>
class Run {
 public:
  Run(const Problem& problem, const Plan& plan, const Arrays& arrays, const Workspace& workspace,
      Queue& queue)
      : p_(problem), plan_(plan), arrays_(arrays), w_(workspace), queue_(queue) {
    Steps<S>& a = steps_;
    a.columns = columns_of(p_.cell);
    a.cell = p_.cell;
    a.activation = p_.activation;
    a.gate_activation = p_.gate_activation;
    a.usual = p_.activation == Activation::kTanh &&
              (a.columns.blocks == 1 || p_.gate_activation == Activation::kSigmoid);
    a.batch = p_.batch;
    a.steps = p_.steps;
    a.hidden = p_.hidden;
    a.padded = static_cast<int>(round_up(p_.hidden, kPadding));
    a.reverse = p_.reverse;
    a.backward = p_.backward;
    a.mask = arrays.mask;
    a.reset = arrays.reset;
    a.previous = arrays.previous;
    a.h0 = arrays.h0;
    a.c0 = arrays.c0;
    a.h_mask = arrays.h_mask;
    a.h_mask_gate = arrays.h_mask_gate;
    a.h_mask_batch = arrays.h_mask_batch;
    a.zoneout_h = arrays.zoneout_h;
    a.zoneout_h_batch = arrays.zoneout_h_batch;
    a.zoneout_h_step = arrays.zoneout_h_step;
    a.zoneout_c = arrays.zoneout_c;
    a.zoneout_c_batch = arrays.zoneout_c_batch;
    a.zoneout_c_step = arrays.zoneout_c_step;
    a.peephole = arrays.peephole;
    a.y = static_cast<S*>(arrays.y);
    a.saved = static_cast<S*>(arrays.saved);
    a.c_all = arrays.c_all;
    a.dy = static_cast<const S*>(arrays.dy);
    a.dh0 = arrays.dh0;
    a.dc0 = arrays.dc0;
    a.bias = w_.bias;
    a.projected = w_.projected;
    a.dsums = static_cast<S*>(w_.dsums);
    a.state = w_.state;
    a.handed = w_.handed;
    a.operand = static_cast<S*>(w_.operand);
    a.weights = static_cast<const S*>(w_.recurrent);
  }

  void forward() {
    start();
    const Steps<S>& a = steps_;
    queue_.each(a.columns.count * a.padded,
                PackBias{arrays_.bias, w_.bias, a.hidden, a.padded, a.columns});
    if (a.previous) {
      queue_.each(a.batch, FindPrevious{a.mask, a.reset, arrays_.previous, a.steps, a.reverse});
    }
    for (int begin = 0; begin < a.steps; begin += plan_.chunk_steps) {
      const Chunk chunk = enter(begin, std::min(begin + plan_.chunk_steps, a.steps));
      project(chunk);
      run_steps(chunk.begin, chunk.end);
    }
    queue_.each(units(), FinalStates<S>{a, arrays_.h_n, arrays_.c_n});
  }

  void backward() {
    start();
    const Steps<S>& a = steps_;
    if (a.padded != a.hidden) {
      queue_.zero(w_.dsums, sizeof(S) * a.batch * plan_.chunk_steps * all_columns());
    }
    for (int begin = 0; begin < a.steps; begin += plan_.chunk_steps) {
      const Chunk chunk = enter(begin, std::min(begin + plan_.chunk_steps, a.steps));
      run_steps(chunk.begin, chunk.end + (chunk.end == a.steps));
      add_gradients(chunk, begin == 0);
    }
    const Columns& c = a.columns;
    unpack(w_.dkernel, arrays_.dkernel, p_.input, c.input_first, c.input_gates, c.input_block);
    unpack(w_.drecurrent, arrays_.drecurrent, a.hidden, c.state_first, c.state_gates,
           c.state_block);
    if (arrays_.dbias) {
      queue_.each((c.two_bias_rows ? 2 : 1) * c.blocks * a.hidden,
                  UnpackBias{w_.sums, arrays_.dbias, a.hidden, a.padded, c});
    }
  }

 private:
  int units() const { return steps_.batch * steps_.hidden; }
  int input_columns() const { return steps_.columns.input_gates * steps_.padded; }
  int state_columns() const { return steps_.columns.state_gates * steps_.padded; }
  int all_columns() const { return steps_.columns.count * steps_.padded; }
  bool h_per_gate() const { return p_.h_mask == Dropout::kPerGate; }

  void pack(const void* from, void* to, int rows, int all_rows, int first, int gates,
            const int* block) {
    PackWeights<S> pack{static_cast<const S*>(from),
                        static_cast<S*>(to),
                        rows,
                        steps_.hidden,
                        steps_.padded,
                        steps_.columns.blocks,
                        gates,
                        {}};
    for (int g = 0; g < gates; ++g) pack.block[g] = block[first + g];
    queue_.each(static_cast<std::int64_t>(all_rows) * gates * steps_.padded, pack);
  }

  void unpack(const float* from, float* to, int rows, int first, int gates, const int* block) {
    const int blocks = steps_.columns.blocks;
    UnpackWeights unpack{from, to, steps_.hidden, steps_.padded, blocks, gates, {}};
    for (int g = 0; g < gates; ++g) unpack.column[block[first + g]] = g;
    queue_.each(static_cast<std::int64_t>(rows) * blocks * steps_.hidden, unpack);
  }

  void start() {
    const Steps<S>& a = steps_;
    const Columns& c = a.columns;
    if (w_.kernel) {
      pack(arrays_.kernel, w_.kernel, p_.input, p_.input, c.input_first, c.input_gates,
           c.input_block);
    }
    pack(arrays_.recurrent, w_.recurrent, a.hidden, a.padded, c.state_first, c.state_gates,
         c.state_block);
    const int operands = p_.backward ? 2 : std::max(c.state_gates, 2);
    queue_.zero(w_.operand, sizeof(S) * operands * a.batch * a.depth());
    if (w_.product) queue_.zero(w_.product, sizeof(float) * a.batch * state_columns());
    if (w_.step) queue_.zero(w_.step, sizeof(int));
    if (w_.arrived) {
      queue_.zero(w_.arrived, sizeof(unsigned) * plan_.shape.row_groups * kCounterStride);
    }
    queue_.each(units(), Begin<S>{a, arrays_.dh_n, arrays_.dc_n, h_per_gate() ? c.first_gates : 1});
  }

  Chunk enter(int begin, int end) {
    Steps<S>& a = steps_;
    a.chunk = end - begin;
    a.first = a.backward != a.reverse ? a.steps - end : begin;
    return {begin, end, a.first, a.chunk};
  }

  // ---- x's part --------------------------------------------------------------------------
  std::int64_t chunk_rows(const Chunk& chunk) const {
    return static_cast<std::int64_t>(p_.batch) * chunk.count;
  }
  bool whole(const Chunk& chunk) const { return chunk.count == p_.steps; }

  // x's rows of a chunk as one matrix (and its leading dimension): where they lie, or gathered,
  // under the dropout mask of a block of the kernel.
  const S* input_rows(const Chunk& chunk, int block, bool masked, std::int64_t* ld) {
    const auto* x = static_cast<const S*>(arrays_.x);
    *ld = arrays_.x_step;
    const bool even = arrays_.x_batch == p_.steps * arrays_.x_step || p_.batch == 1;
    if (!masked && !arrays_.x_mask && whole(chunk) && even && *ld >= p_.input && *ld <= kLargest) {
      return x;
    }
    auto* gathered = static_cast<S*>(w_.gathered);
    const float* mask = arrays_.x_mask ? arrays_.x_mask + block * arrays_.x_mask_gate : nullptr;
    queue_.each(chunk_rows(chunk) * p_.input,
                GatherInput<S>{x, arrays_.x_batch, arrays_.x_step, mask, arrays_.x_mask_batch,
                               masked ? steps_.mask : nullptr, gathered, p_.input, p_.steps,
                               chunk.first, chunk.count});
    *ld = p_.input;
    return gathered;
  }

  // fn(first gate, gates, block) for each product of its own: all gates, or gate by gate.
  template <class Fn>
  void each_group(bool per_gate, int first, int gates, const int* block, const Fn& fn) {
    for (int g = 0; g < gates; g += per_gate ? 1 : gates) {
      fn(g, per_gate ? 1 : gates, block[first + g]);
    }
  }

  template <class Fn>
  void each_input_group(const Fn& fn) {
    const Columns& c = steps_.columns;
    each_group(p_.x_mask == Dropout::kPerGate, c.input_first, c.input_gates, c.input_block, fn);
  }

  void project(const Chunk& chunk) {
    each_input_group([&](int first, int gates, int block) {
      std::int64_t ld;
      const S* rows = input_rows(chunk, block, false, &ld);
      const int column = first * steps_.padded;
      queue_.gemm(Gemm<S, float>{.transpose_a = false,
                                 .transpose_b = false,
                                 .m = static_cast<int>(chunk_rows(chunk)),
                                 .n = gates * steps_.padded,
                                 .k = p_.input,
                                 .a = rows,
                                 .lda = ld,
                                 .b = static_cast<const S*>(w_.kernel) + column,
                                 .ldb = input_columns(),
                                 .c = w_.projected + column,
                                 .ldc = input_columns()});
    });
  }

  // ---- The steps -------------------------------------------------------------------------
  void run_steps(int begin, int end) {
    if (plan_.tier != 'C') {
      queue_.persistent(steps_, begin, end);
    } else {
      queue_.repeat(begin, end, w_.step, [&](StepNumber number) {
        if (p_.backward) {
          back_step(number);
        } else {
          forward_step(number);
        }
      });
    }
  }

  template <template <class> class Kernel>
  void pointwise(StepNumber number) {
    queue_.each(units(), Kernel<S>{{steps_, number, w_.product, h_per_gate()}});
  }

  // The product of h with columns [k0, k1) of state_first on.
  void state_product(int k0, int k1) {
    each_group(h_per_gate(), k0, k1 - k0, kNumbers, [&](int, int gates, int k) {
      queue_.gemm(Gemm<S, float>{.transpose_a = false,
                                 .transpose_b = false,
                                 .m = p_.batch,
                                 .n = gates * steps_.padded,
                                 .k = steps_.padded,
                                 .a = steps_.operand_row(k, 0),
                                 .lda = steps_.padded,
                                 .b = steps_.weights + k * steps_.padded,
                                 .ldb = state_columns(),
                                 .c = w_.product + k * steps_.padded,
                                 .ldc = state_columns()});
    });
  }

  // Of the gradients of these columns, with the columns transposed.
  void state_gradient(int k0, int k1) {
    each_group(h_per_gate(), k0, k1 - k0, kNumbers, [&](int, int gates, int k) {
      queue_.gemm(
          Gemm<S, float>{.transpose_a = false,
                         .transpose_b = true,
                         .m = p_.batch,
                         .n = steps_.padded,
                         .k = gates * steps_.padded,
                         .a = steps_.operand_row(0, 0) + k * steps_.padded,
                         .lda = state_columns(),
                         .b = steps_.weights + k * steps_.padded,
                         .ldb = state_columns(),
                         .c = w_.product + static_cast<std::int64_t>(k) * p_.batch * steps_.padded,
                         .ldc = steps_.padded});
    });
  }

  void forward_step(StepNumber number) {
    const Columns& c = steps_.columns;
    state_product(0, c.first_gates);
    if (!c.two_stages()) return pointwise<ForwardStep>(number);
    pointwise<ForwardGates>(number);
    state_product(c.first_gates, c.state_gates);
    pointwise<ForwardCandidate>(number);
  }

  void back_step(StepNumber number) {
    const Columns& c = steps_.columns;
    if (c.two_stages()) {
      pointwise<BackwardCandidate>(number);
      state_gradient(c.first_gates, c.state_gates);
      pointwise<BackwardGates>(number);
    } else {
      pointwise<BackwardStep>(number);
    }
    state_gradient(0, c.first_gates);
  }

  // ---- Gradients of the weights and of x ---------------------------------------------------
  void add_gradients(const Chunk& chunk, bool first) {
    const Columns& c = steps_.columns;
    const int rows = static_cast<int>(chunk_rows(chunk));
    const auto add_product = [&](const S* factor, std::int64_t ld, int size, int column, int gates,
                                 float* to, int ldc) {
      queue_.gemm(Gemm<S, float>{.transpose_a = true,
                                 .transpose_b = false,
                                 .m = size,
                                 .n = gates * steps_.padded,
                                 .k = rows,
                                 .a = factor,
                                 .lda = ld,
                                 .b = steps_.dsums + column * steps_.padded,
                                 .ldb = all_columns(),
                                 .c = to,
                                 .ldc = ldc,
                                 .add = !first});
    };
    each_input_group([&](int g, int gates, int block) {
      std::int64_t ld;
      const S* x = input_rows(chunk, block, steps_.mask != nullptr, &ld);
      add_product(x, ld, p_.input, c.input_first + g, gates, w_.dkernel + g * steps_.padded,
                  input_columns());
    });
    auto* gathered = static_cast<S*>(w_.gathered);
    const auto add_state = [&](int k0, int k1, bool gated) {
      each_group(h_per_gate(), k0, k1 - k0, kNumbers, [&](int, int gates, int k) {
        queue_.each(chunk_rows(chunk) * steps_.hidden,
                    GatherState<S>{steps_, gathered, c.state_block[c.state_first + k], gated});
        add_product(gathered, steps_.hidden, steps_.hidden, c.state_first + k, gates,
                    w_.drecurrent + k * steps_.padded, state_columns());
      });
    };
    add_state(0, c.first_gates, false);
    if (c.two_stages()) add_state(c.first_gates, c.state_gates, true);
    const int parts = std::min(kSumParts, rows);
    if (arrays_.dbias) {
      queue_.each(static_cast<std::int64_t>(parts) * all_columns(),
                  SumRows<S>{steps_.dsums, w_.parts, rows, all_columns(), parts});
      queue_.each(all_columns(), SumParts{w_.parts, w_.sums, all_columns(), parts, first});
    }
    if (arrays_.dpeephole) {
      const int width = 3 * steps_.hidden;
      queue_.each(static_cast<std::int64_t>(parts) * steps_.hidden,
                  SumPeepholes<S>{steps_, w_.parts, parts});
      queue_.each(width, SumParts{w_.parts, arrays_.dpeephole, width, parts, first});
    }
    if (arrays_.dx) input_gradient(chunk);
  }

  void input_gradient(const Chunk& chunk) {
    auto* dx = static_cast<S*>(arrays_.dx);
    const auto* kernel = static_cast<const S*>(w_.kernel);
    const S* dsums = steps_.dsums + steps_.columns.input_first * steps_.padded;
    if (!arrays_.x_mask) {  // to where it belongs, in one product if that is contiguous
      const int rows = whole(chunk) ? static_cast<int>(chunk_rows(chunk)) : chunk.count;
      queue_.gemm(Gemm<S, S>{.transpose_a = false,
                             .transpose_b = true,
                             .m = rows,
                             .n = p_.input,
                             .k = input_columns(),
                             .a = dsums,
                             .lda = all_columns(),
                             .b = kernel,
                             .ldb = input_columns(),
                             .c = dx + static_cast<std::int64_t>(chunk.first) * p_.input,
                             .ldc = p_.input,
                             .batch = whole(chunk) ? 1 : p_.batch,
                             .a_stride = static_cast<std::int64_t>(chunk.count) * all_columns(),
                             .c_stride = static_cast<std::int64_t>(p_.steps) * p_.input});
      return;
    }
    const int all = steps_.columns.input_gates;
    each_input_group([&](int g, int gates, int block) {
      queue_.gemm(Gemm<S, float>{.transpose_a = false,
                                 .transpose_b = true,
                                 .m = static_cast<int>(chunk_rows(chunk)),
                                 .n = p_.input,
                                 .k = gates * steps_.padded,
                                 .a = dsums + g * steps_.padded,
                                 .lda = all_columns(),
                                 .b = kernel + g * steps_.padded,
                                 .ldb = input_columns(),
                                 .c = w_.dx_product,
                                 .ldc = p_.input});
      queue_.each(chunk_rows(chunk) * p_.input,
                  MaskInputGradient<S>{w_.dx_product, arrays_.x_mask + block * arrays_.x_mask_gate,
                                       arrays_.x_mask_batch, w_.dx_sum, dx, p_.input, p_.steps,
                                       chunk.first, chunk.count, g == 0, g + gates == all});
    });
  }

  static constexpr std::int64_t kLargest = 0x7fffffff;  // leading dimension, for cuBLAS
  static constexpr int kNumbers[kMaxColumns] = {0, 1, 2, 3};

  const Problem& p_;
  const Plan& plan_;
  const Arrays& arrays_;
  const Workspace& w_;
  Queue& queue_;
  Steps<S> steps_{};
};

}  // namespace fastrnn::cuda
