#include "cuda/graph.h"

#include <map>
#include <memory>
#include <tuple>

#include "cuda/check.h"

namespace fastrnn::cuda {
namespace {

template <class T, cudaError_t (*destroy)(T)>
struct Destroy {
  using pointer = T;
  void operator()(T object) const { destroy(object); }
};
using Stream = std::unique_ptr<cudaStream_t, Destroy<cudaStream_t, cudaStreamDestroy>>;
using Graph = std::unique_ptr<cudaGraph_t, Destroy<cudaGraph_t, cudaGraphDestroy>>;

// Ends a recording whatever happens, so that the stream can be destroyed.
class Recording {
 public:
  Recording() {
    cudaStream_t stream;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    stream_.reset(stream);
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
          "cudaStreamBeginCapture");
  }
  ~Recording() {
    if (!ended_) {
      cudaGraph_t graph = nullptr;
      cudaStreamEndCapture(stream_.get(), &graph);
      Graph{graph};
      cudaGetLastError();
    }
  }
  cudaStream_t stream() const { return stream_.get(); }
  Graph end() {
    ended_ = true;
    cudaGraph_t graph;
    check(cudaStreamEndCapture(stream_.get(), &graph), "cudaStreamEndCapture");
    return Graph(graph);
  }

 private:
  Stream stream_;
  bool ended_ = false;
};

// What decides the graph's form. A call whose form differs all the same is recognised by the
// update.
using Kind = std::tuple<int, CellKind, Storage, Math, bool, bool, Dropout>;

}  // namespace

bool is_capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status;
  check(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

GraphLaunches::GraphLaunches(const Problem& p, const std::function<void(cudaStream_t)>& record) {
  static std::mutex mutex;
  static std::map<Kind, cudaGraphExec_t> ready;  // for the life of the process
  lock_ = std::unique_lock<std::mutex>(mutex);
  Recording recording;
  record(recording.stream());
  const Graph graph = recording.end();
  cudaGraphExec_t& executable =
      ready[{p.device, p.cell, p.storage, p.math, p.backward, p.reverse, p.h_mask}];
  if (executable) {
    cudaGraphExecUpdateResultInfo info;
    if (cudaGraphExecUpdate(executable, graph.get(), &info) != cudaSuccess) {
      cudaGetLastError();
      cudaGraphExecDestroy(executable);  // freed once what runs of it is done
      executable = nullptr;
    }
  }
  if (!executable) {
    check(cudaGraphInstantiate(&executable, graph.get(), 0), "cudaGraphInstantiate");
  }
  executable_ = executable;
}

void GraphLaunches::launch(cudaStream_t stream) const {
  check(cudaGraphLaunch(executable_, stream), "cudaGraphLaunch");
}

}  // namespace fastrnn::cuda
