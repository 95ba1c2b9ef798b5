# The configuration headers LibTorch's own CMake would write, for a mobile CPU build without BLAS,
# LAPACK, MKL, oneDNN and NNPACK, with pocketfft's transforms. They are made from the source's
# templates.
function(build_runtime_config_headers directory)
  set(AT_PARALLEL_NATIVE 1)
  set(AT_POCKETFFT_ENABLED 1)
  foreach(name
      AT_MKLDNN_ENABLED AT_MKLDNN_ACL_ENABLED AT_MKL_ENABLED AT_MKL_SEQUENTIAL
      AT_NNPACK_ENABLED AT_BUILD_WITH_BLAS AT_BUILD_WITH_LAPACK AT_PARALLEL_OPENMP AT_BLAS_F2C
      AT_BLAS_USE_CBLAS_DOT CAFFE2_STATIC_LINK_CUDA_INT)
    set(${name} 0)
  endforeach()
  # caffe2's header records the compiler in a string: its path has no business in a runtime.
  set(CMAKE_CXX_COMPILER "")
  set(CMAKE_CXX_FLAGS "")

  set(source "${CMAKE_BINARY_DIR}/tree/pytorch")
  file(READ "${source}/version.txt" version)
  if(NOT version MATCHES "^([0-9]+)\\.([0-9]+)\\.([0-9]+)")
    message(FATAL_ERROR "no version in ${source}/version.txt")
  endif()
  set(TORCH_VERSION_MAJOR "${CMAKE_MATCH_1}")
  set(TORCH_VERSION_MINOR "${CMAKE_MATCH_2}")
  set(TORCH_VERSION_PATCH "${CMAKE_MATCH_3}")

  configure_file("${source}/c10/macros/cmake_macros.h.in" "${directory}/c10/macros/cmake_macros.h")
  configure_file("${source}/aten/src/ATen/Config.h.in" "${directory}/ATen/Config.h")
  configure_file("${source}/caffe2/core/macros.h.in" "${directory}/caffe2/core/macros.h")
  configure_file("${source}/torch/csrc/api/include/torch/version.h.in" "${directory}/torch/version.h" @ONLY)
endfunction()
