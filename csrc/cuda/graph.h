// A graph of launches that is recorded at every call and made ready only once: later calls of the
// same kind have other pointers, which an executable graph can be given.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <mutex>

#include "cuda/problem.h"

namespace fastrnn::cuda {

bool is_capturing(cudaStream_t stream);

class GraphLaunches {
 public:
  // record enqueues on the stream that it is given, which carries nothing out.
  GraphLaunches(const Problem& kind, const std::function<void(cudaStream_t)>& record);
  void launch(cudaStream_t stream) const;

 private:
  std::unique_lock<std::mutex> lock_;  // nobody else updates the graph before it is launched
  cudaGraphExec_t executable_;
};

}  // namespace fastrnn::cuda
