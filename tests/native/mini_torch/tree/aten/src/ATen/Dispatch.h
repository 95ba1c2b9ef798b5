// A kernel is compiled for the dtypes of the profile; the others fail when they are met.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/selected_mobile_ops.h>
#include <c10/util/Exception.h>

namespace at {

template <class T, ScalarType Dtype, class Kernel>
void run_if_built(const Kernel& kernel) {
  if constexpr (should_include_kernel_dtype("", Dtype)) {
    kernel(T());
  } else {
    c10::fail("dtype is not in this build");
  }
}

template <class Kernel>
void dispatch_floating(ScalarType dtype, const Kernel& kernel) {
  switch (dtype) {
    case ScalarType::Float:
      return run_if_built<float, ScalarType::Float>(kernel);
    case ScalarType::Double:
      return run_if_built<double, ScalarType::Double>(kernel);
    default:
      c10::fail("no kernel for this dtype");
  }
}

} // namespace at
