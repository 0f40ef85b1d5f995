// Which of three ways a recurrence takes on a GPU, and how it is cut up. A host function of numbers
// alone.
//
//   A  thread block clusters (or single blocks) that keep the operand in shared memory
//   B  a grid of blocks that all run at the same time and exchange it through the L2 cache
//   C  a matrix product and a pointwise kernel for each step, any size and option
#pragma once

#include <string>

#include "cuda/problem.h"
#include "cuda/shape.h"

namespace fastrnn::cuda {

struct Limits {
  std::string name;
  int compute_capability;  // 90 is 9.0
  int multiprocessors;
  std::int64_t shared_bytes;  // a block may ask for
  int cluster;                // most blocks in one; 1: none
  std::int64_t memory, l2_bytes;
};

struct Plan {
  char tier;
  std::string reason;
  Shape shape;  // A and B
  std::int64_t shared_bytes;
  std::int64_t weight_bytes;    // recurrent weights that a block holds
  std::int64_t register_bytes;  // of these in registers
  int chunk_steps;              // whose input parts or gradients lie in memory at a time
  std::int64_t workspace;       // bytes
  double microseconds;          // a step, as estimated
};

// below: the tiers that come after this one in the order A, B, C; 0: all. Throws
// std::invalid_argument where the GPU can't serve the problem, or not in the tier asked for.
Plan make_plan(const Problem& problem, const Limits& limits, char below = 0);

// The same with fewer steps in memory at a time.
Plan with_chunk(Plan plan, const Problem& problem, int steps);

// Published figures of some GPUs.
const Limits* known_limits(int* count);

}  // namespace fastrnn::cuda
