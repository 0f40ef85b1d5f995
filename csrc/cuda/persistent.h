// A recurrence that stays on the GPU: one kernel for many steps, the recurrent weights in registers
// and shared memory all the while.
//
// In a step a block multiplies its sequences' operand (forward all units' h, backward the gradients
// of their sums) by its own units' weights, does its units' pointwise work, and publishes what the
// next step's product reads. Then the blocks of a row group wait for each other. The operand has
// two places, used by turns, so that one wait a step is enough: whoever still reads one has not
// arrived, and nobody writes to it before all have.
//
// Block::step is written as phases with the block's barrier between them. The GPU runs them thread
// by thread, the simulation (simulation/) warp by warp and block by block.
#pragma once

#include "cuda/pointwise.h"
#include "cuda/shape.h"
#include "cuda/sync.h"

namespace fastrnn::cuda {

struct ForwardPass {
  template <class S>
  using Inputs = ForwardInputs;
  static constexpr bool kBackward = false;
};

struct BackwardPass {
  template <class S>
  using Inputs = BackwardInputs<S>;
  static constexpr bool kBackward = true;
};

template <class Product, int kTiles, class Pass>
class Block {
 public:
  using S = typename Product::S;
  using Inputs = typename Pass::template Inputs<S>;
  static constexpr int kHeldSteps = held_steps(Product::kHeld, sizeof(S), kTiles);

  // What a warp keeps from phase to phase.
  struct Warp {
    Lanes<Fragment<S>> held[kHeldSteps][kTiles];
    Lanes<float[kTiles][Product::kSums]> sums;
    Lanes<Inputs> inputs;
  };
  using Team = WarpTeam<Warp>;

  FASTRNN_KERNEL Block(const Steps<S>& steps, const Shape& shape, int index, char* shared,
                       Peers peers)
      : a_(steps),
        shape_(shape),
        peers_(peers),
        first_row_(index / shape.unit_groups * shape.rows),
        rows_(smaller(shape.rows, steps.batch - first_row_)),
        first_unit_(index % shape.unit_groups * shape.units),
        units_(smaller(shape.units, steps.hidden - first_unit_)),
        weights_(reinterpret_cast<S*>(shared)),
        operand_(reinterpret_cast<S*>(shared + shape.weight_bytes(kHeldSteps))),
        partial_(reinterpret_cast<float*>(shared + shape.weight_bytes(kHeldSteps) +
                                          2 * shape.operand_bytes())) {}

  // Before step `step`, the first of this launch.
  FASTRNN_KERNEL void begin(Team team, int step) const {
    team.each([&](Warp& w, int warp) { load_weights(w, warp); });
    if (!shape_.cluster) return;
    const int size = 2 * shape_.operand_rows() * shape_.operand_stride();
    team.each([&](Warp&, int warp) {
      FASTRNN_LANES(l) {
        for (int i = thread(warp, l); i < size; i += kThreads) operand_[i] = from_float<S>(0.0f);
      }
    });
    team.each([&](Warp&, int warp) {
      FASTRNN_LANES(l) {
        for (int i = thread(warp, l); i < rows_ * shape_.depth; i += kThreads) {
          const int row = i / shape_.depth, k = i % shape_.depth;
          operand_at(step & 1, row)[k] = a_.operand_row(step & 1, first_row_ + row)[k];
        }
      }
    });
  }

  // last: of this launch.
  FASTRNN_KERNEL void step(Team team, int step, bool last) const {
    const int chunks = shape_.cluster ? 1 : shape_.chunks();
    const int turns = shape_.row_tiles() * chunks;
    for (int turn = 0; turn < turns; ++turn) {
      const int tile = turn / chunks, chunk = turn % chunks;
      team.each([&](Warp& w, int warp) {
        if (!shape_.cluster) {
          if (turn == 0) fetch(warp, step, 0);
          if (turn + 1 < turns) fetch(warp, step, turn + 1);
        }
        if (chunk == 0) prepare(w, warp, step, tile);
        if (!shape_.cluster) wait_for_copies(turn + 1 < turns);
      });
      team.each([&](Warp& w, int warp) {
        multiply(w, warp, operand_of(step, tile, turn), chunk);
        if (chunk == chunks - 1) store_sums(w, warp);
      });
      if (chunk < chunks - 1) continue;
      team.each([&](Warp& w, int warp) {
        FASTRNN_LANES(l) {
          int n, unit;
          Inputs inputs = w.inputs[l];
          for (int i = thread(warp, l); place(tile, i, &n, &unit);) {
            finish_unit(inputs, step, last, n, unit, i);
            i += kThreads;
            if (place(tile, i, &n, &unit)) inputs = load(step, n, unit);
          }
        }
      });
    }
  }

 private:
  static FASTRNN_KERNEL int smaller(int a, int b) { return a < b ? a : b; }
  static FASTRNN_KERNEL int thread(int warp, int l) { return warp * kWarp + lane_number(l); }

  FASTRNN_KERNEL S* operand_at(int turn, int row) const {
    return operand_ + (turn * shape_.operand_rows() + row) * shape_.operand_stride();
  }

  // ---- Weights -----------------------------------------------------------------------------
  // The weight of a column for term k of its sum.
  FASTRNN_KERNEL S weight(int column, int k) const {
    const int gate = column / shape_.units, unit = column % shape_.units;
    if (column >= shape_.columns || unit >= units_) return from_float<S>(0.0f);
    const std::int64_t width = a_.columns.state_gates * a_.padded;
    return Pass::kBackward ? a_.weights[(first_unit_ + unit) * width + k]
                           : a_.weights[k * width + gate * a_.padded + first_unit_ + unit];
  }

  FASTRNN_KERNEL Fragment<S> weight_fragment(int tile, int block, int lane) const {
    constexpr int kValues = 4 / static_cast<int>(sizeof(S));  // in a word
    Fragment<S> f;
    FASTRNN_UNROLL
    for (int i = 0; i < Fragment<S>::kWords; ++i) {
      S values[kValues];
      FASTRNN_UNROLL
      for (int e = 0; e < kValues; ++e) {
        const int index = i * kValues + e;
        values[e] = weight(tile * kTileColumns + lane / 4 + index / 8 * 8,
                           block * kTileDepth + lane % 4 * 8 + index % 8);
      }
      memcpy(&f.word[i], values, 4);
    }
    return f;
  }

  FASTRNN_KERNEL S* shared_tile(int tile, int block) const {
    const int held = kHeldSteps * shape_.depth_warps();
    return weights_ +
           static_cast<std::int64_t>((block - held) * shape_.tile_row() + tile) * kTileSize;
  }

  FASTRNN_KERNEL int first_tile(int warp) const { return warp % shape_.column_warps * kTiles; }
  // The block of terms of a warp's i-th step.
  FASTRNN_KERNEL int block_of(int warp, int i) const {
    return i * shape_.depth_warps() + warp / shape_.column_warps;
  }

  FASTRNN_KERNEL void load_weights(Warp& w, int warp) const {
    for (int i = 0; block_of(warp, i) < shape_.blocks(); ++i) {
      for (int tile = 0; tile < kTiles; ++tile) {
        FASTRNN_LANES(l) {
          const int lane = lane_number(l);
          const Fragment<S> f = weight_fragment(first_tile(warp) + tile, block_of(warp, i), lane);
          if (i >= kHeldSteps) {
            store_fragment(shared_tile(first_tile(warp) + tile, block_of(warp, i)), lane, f);
          }
          // Registers have no index: every one of them is looked at.
          FASTRNN_UNROLL
          for (int to = 0; to < kHeldSteps * kTiles; ++to) {
            Fragment<S>& held = w.held[to / kTiles][to % kTiles][l];
            FASTRNN_UNROLL
            for (int word = 0; word < Fragment<S>::kWords; ++word) {
              const std::uint32_t before = i + tile == 0 ? 0 : held.word[word];
              held.word[word] = to == i * kTiles + tile ? f.word[word] : before;
            }
          }
        }
      }
    }
  }

  // ---- A step's phases ---------------------------------------------------------------------
  // Copies a chunk of eight rows of the operand to shared memory, 16 bytes a thread at a time.
  FASTRNN_KERNEL void fetch(int warp, int step, int turn) const {
    constexpr int kValues = 16 / static_cast<int>(sizeof(S));
    const int tile = turn / shape_.chunks(), chunk = turn % shape_.chunks();
    const int k0 = chunk * shape_.chunk * kTileDepth;
    const int width = smaller(shape_.chunk * kTileDepth, shape_.depth - k0) / kValues;
    FASTRNN_LANES(l) {
      for (int i = thread(warp, l); i < kTileRows * width; i += kThreads) {
        const int row = i / width, k = i % width * kValues;
        // A row that is not there is computed like its neighbour, and dropped.
        const int n = first_row_ + smaller(tile * kTileRows + row, rows_ - 1);
        copy_16_bytes(operand_at(turn & 1, row) + k, a_.operand_row(step & 1, n) + k0 + k);
      }
    }
    commit_copies();
  }

  FASTRNN_KERNEL const S* operand_of(int step, int tile, int turn) const {
    return shape_.cluster ? operand_at(step & 1, tile * kTileRows) : operand_at(turn & 1, 0);
  }

  // Unit i of a tile of rows: its row and its number. False where there is none.
  FASTRNN_KERNEL bool place(int tile, int i, int* n, int* unit) const {
    const int row = i / units_;
    *n = first_row_ + tile * kTileRows + row;
    *unit = first_unit_ + i % units_;
    return row < kTileRows && *n < first_row_ + rows_;
  }

  FASTRNN_KERNEL Inputs load(int step, int n, int unit) const {
    if constexpr (Pass::kBackward) {
      return load_backward(a_, step, n, unit);
    } else {
      return load_forward(a_, step, n, unit);
    }
  }

  FASTRNN_KERNEL void prepare(Warp& w, int warp, int step, int tile) const {
    FASTRNN_LANES(l) {
      int n, unit;
      if (place(tile, thread(warp, l), &n, &unit)) w.inputs[l] = load(step, n, unit);
      FASTRNN_UNROLL
      for (int t = 0; t < kTiles; ++t) {
        FASTRNN_UNROLL
        for (int e = 0; e < Product::kSums; ++e) w.sums[l][t][e] = 0.0f;
      }
    }
  }

  FASTRNN_KERNEL void multiply(Warp& w, int warp, const S* operand, int chunk) const {
    const int per_chunk =
        shape_.cluster ? shape_.warp_steps() : shape_.chunk / shape_.depth_warps();
    const int begin = chunk * per_chunk, end = begin + per_chunk;
    const int stride = shape_.operand_stride();
    const auto terms = [&](int i) {
      return operand + (block_of(warp, i) - begin * shape_.depth_warps()) * kTileDepth;
    };
    FASTRNN_UNROLL
    for (int i = 0; i < kHeldSteps; ++i) {
      if (i < begin || i >= end || block_of(warp, i) >= shape_.blocks()) continue;
      Product::template multiply<kTiles>(w.sums, w.held[i], terms(i), stride, shape_.parts);
    }
    for (int i = begin > kHeldSteps ? begin : kHeldSteps;
         i < end && block_of(warp, i) < shape_.blocks(); ++i) {
      Lanes<Fragment<S>> weights[kTiles];
      FASTRNN_UNROLL
      for (int tile = 0; tile < kTiles; ++tile) {
        FASTRNN_LANES(l) {
          weights[tile][l] = load_fragment(shared_tile(first_tile(warp) + tile, block_of(warp, i)),
                                           lane_number(l));
        }
      }
      Product::template multiply<kTiles>(w.sums, weights, terms(i), stride, shape_.parts);
    }
  }

  FASTRNN_KERNEL float* partial(int depth_warp, int row) const {
    return partial_ + (depth_warp * kTileRows + row) * shape_.partial_stride();
  }

  FASTRNN_KERNEL void store_sums(const Warp& w, int warp) const {
    FASTRNN_UNROLL
    for (int tile = 0; tile < kTiles; ++tile) {
      Lanes<Quad> d;
      Product::template finish<kTiles>(w.sums, tile, d);
      FASTRNN_LANES(l) {
        const int lane = lane_number(l);
        const int column = (first_tile(warp) + tile) * kTileColumns + lane / 4;
        FASTRNN_UNROLL
        for (int e = 0; e < 4; ++e) {
          partial(warp / shape_.column_warps, lane % 4 * 2 + e % 2)[column + e / 2 * 8] = d[l][e];
        }
      }
    }
  }

  FASTRNN_KERNEL float sum_of(int row, int column) const {
    float sum = partial(0, row)[column];
    for (int i = 1; i < shape_.depth_warps(); ++i) sum += partial(i, row)[column];
    return sum;
  }

  FASTRNN_KERNEL void finish_unit(const Inputs& inputs, int step, bool last, int n, int unit,
                                  int i) const {
    const int row = i / units_, own = i % units_;
    if constexpr (Pass::kBackward) {
      float dsums[kMaxColumns];
      const float product = sum_of(row, own) * a_.h_dropout(n, unit, 0);
      apply_backward<false>(a_, step, n, unit, inputs, product, dsums);
      FASTRNN_UNROLL
      for (int g = 0; g < kMaxColumns; ++g) {
        const int k = g - a_.columns.state_first;
        if (k >= 0 && k < a_.columns.state_gates) {
          publish(step, last, n, k * a_.padded + unit, dsums[g]);
        }
      }
    } else {
      float product[kMaxColumns];
      FASTRNN_UNROLL
      for (int k = 0; k < kMaxColumns; ++k) {
        if (k < a_.columns.state_gates) product[k] = sum_of(row, k * shape_.units + own);
      }
      const float h = apply_forward<false>(a_, step, n, unit, inputs, product);
      publish(step, last, n, unit, h * a_.h_dropout(n, unit, 0));
    }
  }

  // Term k of sequence n, for the next step's product.
  FASTRNN_KERNEL void publish(int step, bool last, int n, int k, float value) const {
    const int turn = (step + 1) & 1;
    const S stored = from_float<S>(value);
    if (!shape_.cluster || last) a_.operand_row(turn, n)[k] = stored;
    if (!shape_.cluster) return;
    S* own = operand_at(turn, n - first_row_) + k;
    for (int p = 0; p < shape_.unit_groups; ++p) *peers_.at(own, p) = stored;
  }

  const Steps<S>& a_;
  const Shape& shape_;
  Peers peers_;
  int first_row_, rows_;
  int first_unit_, units_;
  S* weights_;
  S* operand_;
  float* partial_;
};

}  // namespace fastrnn::cuda
