// Carries a Run (run.h) out on the GPU: what is enqueued on a stream.
#pragma once

#include <climits>
#include <mutex>

#include "cuda/blas.h"
#include "cuda/graph.h"
#include "cuda/persistent_launch.h"
#include "cuda/run.h"

namespace fastrnn::cuda {

template <class Fn>
__global__ void __launch_bounds__(kThreads)
    each_element(const __grid_constant__ Fn fn, std::int64_t count) {
  const std::int64_t all = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += all) {
    fn(i);
  }
}

struct SetStep {
  int* step;
  int value;
  FASTRNN_INLINE void operator()(std::int64_t) const { *step = value; }
};

template <class S>
constexpr cudaDataType data_type() {
  if constexpr (std::is_same_v<S, float>) return CUDA_R_32F;
  return std::is_same_v<S, Half> ? CUDA_R_16F : CUDA_R_16BF;
}

// A device's cuBLAS handle, for one call at a time: it has the call's stream and workspace.
class BlasSession {
 public:
  BlasSession(int device, cudaStream_t stream, void* workspace);
  void set_stream(cudaStream_t stream);
  BlasHandle handle() const { return handle_; }

 private:
  std::unique_lock<std::mutex> lock_;
  BlasHandle handle_;
  void* workspace_;
};

class Queue {
 public:
  Queue(const Problem& problem, const Plan& plan, const Workspace& workspace, cudaStream_t stream)
      : p_(problem),
        plan_(plan),
        w_(workspace),
        stream_(stream),
        blas_(problem.device, stream, workspace.blas) {}

  void zero(void* memory, std::size_t bytes) {
    check(cudaMemsetAsync(memory, 0, bytes, stream_), "cudaMemsetAsync");
  }

  template <class Fn>
  void each(std::int64_t count, const Fn& fn) {
    constexpr std::int64_t kMostBlocks = 1 << 16;
    const std::int64_t blocks = (count + kThreads - 1) / kThreads;
    each_element<<<static_cast<unsigned>(std::min(blocks, kMostBlocks)), kThreads, 0, stream_>>>(
        fn, count);
    check(cudaGetLastError(), "launch of an elementwise kernel");
  }

  // cuBLAS counts matrices by columns: it computes the transposes, B' A'.
  template <class S, class Out>
  void gemm(const Gemm<S, Out>& g) {
    const float one = 1.0f, add = g.add ? 1.0f : 0.0f;
    const bool tf32 = std::is_same_v<S, float> && p_.math == Math::kTf32;
    blas().check(blas().gemm(blas_.handle(), g.transpose_b, g.transpose_a, g.n, g.m, g.k, &one, g.b,
                             data_type<S>(), static_cast<int>(g.ldb), 0, g.a, data_type<S>(),
                             static_cast<int>(g.lda), g.a_stride, &add, g.c, data_type<Out>(),
                             static_cast<int>(g.ldc), g.c_stride, g.batch,
                             tf32 ? kBlasComputeTf32 : kBlasCompute, kBlasDefaultAlgorithm),
                 "matrix product");
  }

  template <class S>
  void persistent(const Steps<S>& steps, int begin, int end) {
    PersistentLaunch(p_, plan_, stream_).run(steps, begin, end, w_.arrived);
  }

  // Many steps: a graph of a few, launched again and again, counts them in memory.
  template <class Fn>
  void repeat(int begin, int end, int* counter, const Fn& fn) {
    constexpr int kGraphSteps = 16, kFewest = 4 * kGraphSteps;
    if (end - begin >= kFewest && !is_capturing(stream_)) {
      each(1, SetStep{counter, begin});
      const cudaStream_t stream = stream_;
      GraphLaunches graph(p_, [&](cudaStream_t recording) {
        stream_ = recording;
        blas_.set_stream(recording);
        for (int i = 0; i < kGraphSteps; ++i) fn(StepNumber{counter, i});
        each(1, AddSteps{counter, kGraphSteps});
      });
      stream_ = stream;
      blas_.set_stream(stream);
      for (; begin + kGraphSteps <= end; begin += kGraphSteps) graph.launch(stream);
    }
    for (; begin < end; ++begin) fn(StepNumber{nullptr, begin});
  }

 private:
  const Problem& p_;
  const Plan& plan_;
  const Workspace& w_;
  cudaStream_t stream_;
  BlasSession blas_;
};

template <class S>
void enqueue(const Problem& problem, const Plan& plan, const Arrays& arrays, void* memory,
             cudaStream_t stream) {
  const Workspace workspace = lay_out(problem, plan, memory);
  Queue queue(problem, plan, workspace, stream);
  Run<S, Queue> run(problem, plan, arrays, workspace, queue);
  if (problem.backward) {
    run.backward();
  } else {
    run.forward();
  }
}

}  // namespace fastrnn::cuda
