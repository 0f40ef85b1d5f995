// cuda.h on the GPU.
#include <map>
#include <mutex>
#include <new>

#include "cuda/blas.h"
#include "cuda/cuda.h"
#include "cuda/queue.h"

namespace fastrnn::cuda {
namespace {

int attribute(cudaDeviceAttr which, int device) {
  int value;
  check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
  return value;
}

Limits limits_of(int device) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  Limits limits;
  limits.name = properties.name;
  limits.compute_capability = 10 * properties.major + properties.minor;
  limits.multiprocessors = properties.multiProcessorCount;
  limits.shared_bytes = static_cast<std::int64_t>(properties.sharedMemPerBlockOptin);
  // Eight blocks are promised; some chips take sixteen, of which occupancy is asked.
  limits.cluster = 1;
  if (limits.compute_capability >= 90 && attribute(cudaDevAttrClusterLaunch, device)) {
    limits.cluster = limits.compute_capability < 110 ? 16 : 8;
  }
  limits.memory = static_cast<std::int64_t>(properties.totalGlobalMem);
  limits.l2_bytes = properties.l2CacheSize;
  return limits;
}

const Limits& cached_limits(int device) {
  static std::mutex mutex;
  static std::map<int, Limits> known;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = known.find(device);
  return found != known.end() ? found->second
                              : known.emplace(device, limits_of(device)).first->second;
}

// On a full GPU cuBLAS says no more than that it could not be initialized.
void create_handle(BlasHandle* handle) {
  constexpr std::size_t kEnough = std::size_t{64} << 20;
  const BlasStatus status = blas().create(handle);
  std::size_t free = kEnough, total;
  if (status != 0 && cudaMemGetInfo(&free, &total) == cudaSuccess && free < kEnough) {
    throw std::bad_alloc();
  }
  blas().check(status, "cublasCreate");
}

void run(const Problem& p, const Plan& plan, const Arrays& arrays, void* workspace, void* stream) {
  const CurrentDevice current(p.device);
  const auto on = static_cast<cudaStream_t>(stream);
  switch (p.storage) {
    case Storage::kFloat:
      return enqueue<float>(p, plan, arrays, workspace, on);
    case Storage::kBFloat16:
      return enqueue<BFloat16>(p, plan, arrays, workspace, on);
    case Storage::kHalf:
      return enqueue<Half>(p, plan, arrays, workspace, on);
  }
}

}  // namespace

// Never destroyed: at the end of the process the driver may be gone before.
BlasSession::BlasSession(int device, cudaStream_t stream, void* workspace) : workspace_(workspace) {
  static auto* mutex = new std::mutex;
  static auto* handles = new std::map<int, BlasHandle>;
  lock_ = std::unique_lock<std::mutex>(*mutex);
  BlasHandle& handle = (*handles)[device];
  if (!handle) {
    create_handle(&handle);
    blas().check(blas().set_math_mode(handle, kBlasKeepPrecision), "cublasSetMathMode");
  }
  handle_ = handle;
  set_stream(stream);
}

// A new stream takes the workspace away.
void BlasSession::set_stream(cudaStream_t stream) {
  blas().check(blas().set_stream(handle_, stream), "cublasSetStream");
  blas().check(blas().set_workspace(handle_, workspace_, kBlasBytes), "cublasSetWorkspace");
}

const void* persistent_kernel(const Problem& p, const Plan& plan) {
  const int tiles = plan.shape.tiles;
  switch (p.storage) {
    case Storage::kBFloat16:
      return persistent_kernel<HalfProduct<BFloat16>>(p.backward, tiles);
    case Storage::kHalf:
      return persistent_kernel<HalfProduct<Half>>(p.backward, tiles);
    default:
      return p.math == Math::kFloat ? persistent_kernel<FloatProduct>(p.backward, tiles)
                                    : persistent_kernel<Tf32Product>(p.backward, tiles);
  }
}

PersistentLaunch::PersistentLaunch(const Problem& problem, const Plan& plan, cudaStream_t stream)
    : plan_(plan), kernel_(persistent_kernel(problem, plan)) {
  const Shape& s = plan.shape;
  config_.gridDim = dim3(s.unit_groups * s.row_groups);
  config_.blockDim = dim3(kThreads);
  config_.dynamicSmemBytes = static_cast<std::size_t>(plan.shared_bytes);
  config_.stream = stream;
  config_.attrs = &attribute_;
  if (!s.cluster) {
    attribute_.id = cudaLaunchAttributeCooperative;
    attribute_.val.cooperative = 1;
    config_.numAttrs = 1;
  } else if (s.unit_groups > 1) {
    attribute_.id = cudaLaunchAttributeClusterDimension;
    attribute_.val.clusterDim.x = static_cast<unsigned>(s.unit_groups);
    attribute_.val.clusterDim.y = attribute_.val.clusterDim.z = 1;
    config_.numAttrs = 1;
  }
  // The limits belong to the kernel, whichever thread launches it: always the most there is.
  int device;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaFuncSetAttribute(kernel_, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(cached_limits(device).shared_bytes)),
        "cudaFuncSetAttribute");
  constexpr int kPortableCluster = 8;
  if (s.cluster && s.unit_groups > kPortableCluster) {
    allowed_ =
        succeeds(cudaFuncSetAttribute(kernel_, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  }
}

bool PersistentLaunch::fits() const {
  const Shape& s = plan_.shape;
  if (s.cluster && s.unit_groups > 1) {
    int clusters = 0;
    return allowed_ && succeeds(cudaOccupancyMaxActiveClusters(&clusters, kernel_, &config_)) &&
           clusters > 0;
  }
  int blocks = 0, device;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel_, kThreads,
                                                      config_.dynamicSmemBytes),
        "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  if (s.cluster) return blocks > 0;
  return blocks * attribute(cudaDevAttrMultiProcessorCount, device) >= s.unit_groups * s.row_groups;
}

std::vector<Limits> devices() {
  int count = 0;
  if (!succeeds(cudaGetDeviceCount(&count))) return {};
  std::vector<Limits> result;
  for (int device = 0; device < count; ++device) result.push_back(cached_limits(device));
  return result;
}

int driver_version() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess ? version : 0;
}

std::string blas_path(const std::vector<std::string>& folders) { return blas(folders).path; }

Plan plan_on_device(const Problem& problem, int device) {
  const CurrentDevice current(device);
  for (char below = 0;;) {
    Plan plan = make_plan(problem, cached_limits(device), below);
    if (plan.tier == 'C' || PersistentLaunch(problem, plan, nullptr).fits()) return plan;
    below = plan.tier;
  }
}

void forward(const Problem& problem, const Plan& plan, const Arrays& arrays, void* workspace,
             void* stream) {
  run(problem, plan, arrays, workspace, stream);
}

void backward(const Problem& problem, const Plan& plan, const Arrays& arrays, void* workspace,
              void* stream) {
  run(problem, plan, arrays, workspace, stream);
}

}  // namespace fastrnn::cuda
