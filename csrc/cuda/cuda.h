// What Python calls: implemented on the GPU (device.cc), and on the host by simulation/.
#pragma once

#include <string>
#include <vector>

#include "cuda/plan.h"

namespace fastrnn::cuda {

// Without a driver there are no devices, and its version is 0.
std::vector<Limits> devices();
int driver_version();

// Where cuBLAS was found: loaded by somebody, in one of the folders, or in the system's. The first
// call decides. Throws std::runtime_error that says where it was looked for.
std::string blas_path(const std::vector<std::string>& folders);

// make_plan for a device, in the first tier of which the driver says that it fits.
Plan plan_on_device(const Problem& problem, int device);

// Asynchronous on the stream. workspace: plan.workspace bytes on the device, aligned to 256, not
// used by anything else until the stream has come so far.
void forward(const Problem& problem, const Plan& plan, const Arrays& arrays, void* workspace,
             void* stream);
void backward(const Problem& problem, const Plan& plan, const Arrays& arrays, void* workspace,
              void* stream);

}  // namespace fastrnn::cuda
