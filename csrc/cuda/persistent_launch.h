// Launching the persistent kernels. Each kind of product is compiled in a file of its own.
#pragma once

#include "cuda/check.h"
#include "cuda/plan.h"
#include "cuda/steps.h"

namespace fastrnn::cuda {

// The kernel for `tiles` tiles of columns a warp.
template <class Product>
const void* persistent_kernel(bool backward, int tiles);
const void* persistent_kernel(const Problem& problem, const Plan& plan);

// A launch of tier A or B, its attributes and what it needs of the device.
class PersistentLaunch {
 public:
  PersistentLaunch(const Problem& problem, const Plan& plan, cudaStream_t stream);

  // Whether all blocks that wait for each other can run at the same time, now that the kernel's
  // registers are known.
  bool fits() const;

  template <class S>
  void run(const Steps<S>& steps, int begin, int end, unsigned* arrived) {
    void* arguments[] = {const_cast<Steps<S>*>(&steps), const_cast<Shape*>(&plan_.shape), &begin,
                         &end, &arrived};
    check(cudaLaunchKernelExC(&config_, kernel_, arguments), "launch of the recurrent kernel");
  }

 private:
  const Plan& plan_;
  const void* kernel_;
  bool allowed_ = true;  // a cluster this large
  cudaLaunchAttribute attribute_{};
  cudaLaunchConfig_t config_{};
};

}  // namespace fastrnn::cuda
