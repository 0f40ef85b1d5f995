// The persistent kernel itself; included by one file for each kind of product.
#pragma once

#include "cuda/persistent.h"
#include "cuda/persistent_launch.h"
#include "cuda/workspace.h"

namespace fastrnn::cuda {

template <class Product, int kTiles, class Pass>
__global__ void __launch_bounds__(kThreads, 1)
    run_blocks(const __grid_constant__ Steps<typename Product::S> steps,
               const __grid_constant__ Shape shape, int begin, int end, unsigned* arrived) {
#if __CUDA_ARCH__ < 800
  if constexpr (Product::kCapability < 80)
#endif
  {
    extern __shared__ __align__(128) char shared[];
    using B = Block<Product, kTiles, Pass>;
    const bool exchanges = shape.cluster && shape.unit_groups > 1;
    const B block(steps, shape, static_cast<int>(blockIdx.x), shared, Peers{exchanges});
    typename B::Warp warp;
    const typename B::Team team{warp};
    unsigned* count = arrived + blockIdx.x / shape.unit_groups * kCounterStride;
    block.begin(team, begin);
    wait_for_cluster(exchanges);
    for (int step = begin; step < end; ++step) {
      block.step(team, step, step + 1 == end);
      if (shape.cluster) {
        wait_for_cluster(exchanges);
      } else {
        wait_for_blocks(count, static_cast<unsigned>(step + 1) * shape.unit_groups);
      }
    }
  }
}

template <class Product, class Pass>
const void* persistent_kernel_of(int tiles) {
  const void* const kernels[kMaxTiles] = {
      reinterpret_cast<const void*>(&run_blocks<Product, 1, Pass>),
      reinterpret_cast<const void*>(&run_blocks<Product, 2, Pass>),
      reinterpret_cast<const void*>(&run_blocks<Product, 3, Pass>)};
  return kernels[tiles - 1];
}

template <class Product>
const void* persistent_kernel(bool backward, int tiles) {
  return backward ? persistent_kernel_of<Product, BackwardPass>(tiles)
                  : persistent_kernel_of<Product, ForwardPass>(tiles);
}

}  // namespace fastrnn::cuda
