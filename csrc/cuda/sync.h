// What blocks and threads use to wait for each other and to copy, on the GPU and in its simulation.
#pragma once

#include "cuda/simt.h"

namespace fastrnn::cuda {

#if defined(__CUDACC__)

// The warps of a block, of which this thread belongs to one.
template <class Warp>
struct WarpTeam {
  Warp& own;

  template <class Fn>
  FASTRNN_KERNEL void each(const Fn& fn) const {
    fn(own, static_cast<int>(threadIdx.x) / kWarp);
    __syncthreads();
  }
};

// The blocks of a cluster: where this block's shared memory lies in another one's.
struct Peers {
  bool cluster;

  template <class T>
  FASTRNN_KERNEL T* at(T* own, int block) const {
#if __CUDA_ARCH__ >= 900
    if (!cluster) return own;
    T* result;
    asm("mapa.u64 %0, %1, %2;" : "=l"(result) : "l"(own), "r"(block));
    return result;
#else
    return own;
#endif
  }
};

// Copies that go on while the thread does; two groups at a time.
FASTRNN_KERNEL void copy_16_bytes(void* to, const void* from) {
#if __CUDA_ARCH__ >= 800
  const auto shared = static_cast<std::uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(from) : "memory");
#else
  *static_cast<int4*>(to) = __ldcg(static_cast<const int4*>(from));
#endif
}

FASTRNN_KERNEL void commit_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// All, or all but the last group.
FASTRNN_KERNEL void wait_for_copies(bool but_one) {
#if __CUDA_ARCH__ >= 800
  if (but_one) {
    asm volatile("cp.async.wait_group 1;" ::: "memory");
  } else {
    asm volatile("cp.async.wait_group 0;" ::: "memory");
  }
#endif
}

// All threads of the cluster's blocks: what was written before is seen after. A cluster of one is a
// block, whose phases end with its barrier.
FASTRNN_KERNEL void wait_for_cluster(bool cluster) {
#if __CUDA_ARCH__ >= 900
  if (!cluster) return;
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

// The blocks that count on `arrived`, all of which run at the same time. Called after the block's
// own barrier: that and the release make every thread's writes visible to whoever acquires, and the
// barrier behind it passes that on to the block's threads. The count only grows, and may wrap.
FASTRNN_KERNEL void wait_for_blocks(unsigned* arrived, unsigned target) {
  if (threadIdx.x == 0) {
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(arrived) : "memory");
    unsigned seen;
    do {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(arrived) : "memory");
    } while (static_cast<int>(seen - target) < 0);
  }
  __syncthreads();
}

#else

template <class Warp>
struct WarpTeam {
  Warp* warps;
  int count;
  bool backwards;  // the order must not matter

  template <class Fn>
  void each(const Fn& fn) const {
    for (int i = 0; i < count; ++i) {
      const int warp = backwards ? count - 1 - i : i;
      fn(warps[warp], warp);
    }
  }
};

struct Peers {
  char* const* shared;  // of the cluster's blocks
  int own_block;

  template <class T>
  T* at(T* own, int block) const {
    return reinterpret_cast<T*>(shared[block] + (reinterpret_cast<char*>(own) - shared[own_block]));
  }
};

inline void copy_16_bytes(void* to, const void* from) { memcpy(to, from, 16); }
inline void commit_copies() {}
inline void wait_for_copies(bool) {}

#endif

}  // namespace fastrnn::cuda
