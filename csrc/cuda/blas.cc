#include "cuda/blas.h"

#include <dlfcn.h>

#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>

namespace fastrnn::cuda {
namespace {

constexpr const char* kNames[] = {"libcublas.so.13", "libcublas.so.12"};

void* open_library(const std::vector<std::string>& folders, std::string* looked) {
  for (const char* name : kNames) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_NOLOAD)) return library;
  }
  for (const std::string& folder : folders) {
    for (const char* name : kNames) {
      if (void* library = dlopen((folder + "/" + name).c_str(), RTLD_NOW)) return library;
    }
    *looked += folder + ", ";
  }
  for (const char* folder : {"", "/usr/local/cuda/lib64/"}) {
    for (const char* name : kNames) {
      if (void* library = dlopen((std::string(folder) + name).c_str(), RTLD_NOW)) return library;
    }
  }
  *looked += "the system's library path and /usr/local/cuda/lib64";
  return nullptr;
}

template <class Function>
void find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  if (!*function) throw std::runtime_error(std::string("cuBLAS has no function ") + name);
}

Blas open(const std::vector<std::string>& folders) {
  std::string looked;
  void* library = open_library(folders, &looked);
  if (!library) {
    throw std::runtime_error(
        "cuBLAS was not found: looked for libcublas.so.13 and libcublas.so.12 among the loaded "
        "libraries, in " +
        looked + ". Install nvidia-cublas, or a CUDA toolkit.");
  }
  Blas b{};
  find(library, "cublasCreate_v2", &b.create);
  find(library, "cublasSetStream_v2", &b.set_stream);
  find(library, "cublasSetWorkspace_v2", &b.set_workspace);
  find(library, "cublasSetMathMode", &b.set_math_mode);
  find(library, "cublasGemmStridedBatchedEx", &b.gemm);
  find(library, "cublasGetStatusString", &b.status_string);
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(b.create), &info)) b.path = info.dli_fname;
  return b;
}

}  // namespace

void Blas::check(BlasStatus status, const char* what) const {
  constexpr BlasStatus kOutOfMemory = 3;
  if (status == kOutOfMemory) throw std::bad_alloc();
  if (status != 0) {
    throw std::runtime_error(std::string("cuBLAS: ") + what + ": " + status_string(status));
  }
}

const Blas& blas(const std::vector<std::string>& folders) {
  static std::mutex mutex;
  static std::optional<Blas> found;
  const std::scoped_lock lock(mutex);
  if (!found) found = open(folders);
  return *found;
}

}  // namespace fastrnn::cuda
