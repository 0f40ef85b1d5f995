# fastrnn._cuda, the kernels for NVIDIA GPUs, and _cuda_simulation, which runs the same code on the
# host for the tests (FASTRNN_CUDA_SIMULATION; it needs no CUDA and is not installed).
set(shared_sources
  csrc/bindings/cuda.cc
  csrc/cuda/plan.cc
  csrc/cuda/workspace.cc)
set(simulation_sources
  csrc/cuda/simulation/simulation.cc)
set(cuda_sources
  csrc/cuda/blas.cc
  csrc/cuda/device.cu
  csrc/cuda/graph.cu
  csrc/cuda/persistent_bfloat16.cu
  csrc/cuda/persistent_float.cu
  csrc/cuda/persistent_half.cu
  csrc/cuda/persistent_tf32.cu
  csrc/cuda/run_bfloat16.cu
  csrc/cuda/run_float.cu
  csrc/cuda/run_half.cu)

function(add_cuda_module name compiler architectures)
  pybind11_add_module(${name} NO_EXTRAS ${shared_sources} ${ARGN})
  target_link_libraries(${name} PRIVATE fastrnn_options)
  target_compile_definitions(${name} PRIVATE
    FASTRNN_CUDA_MODULE=${name}
    FASTRNN_CUDA_COMPILER="${compiler}"
    FASTRNN_CUDA_ARCHITECTURES="${architectures}")
endfunction()

if(FASTRNN_CUDA_SIMULATION)
  add_cuda_module(_cuda_simulation
    "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}" "" ${simulation_sources})
endif()

if(FASTRNN_CUDA)
  enable_language(CUDA)
  # The machine code of each chip, and what a driver can compile for every later one.
  set(architectures 75-real 80-real 86-real 89-real 90a-real)
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.8)
    list(APPEND architectures 90-virtual)
  else()
    list(APPEND architectures 100-virtual)
  endif()
  set(FASTRNN_CUDA_ARCHITECTURES "${architectures}" CACHE STRING "What to compile for")

  find_package(CUDAToolkit REQUIRED)
  list(JOIN FASTRNN_CUDA_ARCHITECTURES " " listed)
  add_cuda_module(_cuda "nvcc ${CMAKE_CUDA_COMPILER_VERSION}" "${listed}" ${cuda_sources})
  set_target_properties(_cuda PROPERTIES
    CUDA_STANDARD 20
    CUDA_STANDARD_REQUIRED ON
    CUDA_ARCHITECTURES "${FASTRNN_CUDA_ARCHITECTURES}"
    CUDA_VISIBILITY_PRESET hidden)
  # Constants and the choice of an activation's parameter are constexpr functions of the host.
  target_compile_options(_cuda PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>")
  # The runtime is linked in and cuBLAS opened when needed: neither is needed to import the module.
  target_link_libraries(_cuda PRIVATE CUDA::cudart_static)
  install(TARGETS _cuda LIBRARY DESTINATION fastrnn)
endif()
