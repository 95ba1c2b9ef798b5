// A kernel is compiled for the dtypes of the profile; the others fail when they are met.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/selected_mobile_ops.h>
#include <c10/util/Exception.h>

#define AT_DISPATCH_CASE(TYPE, DTYPE, ...)                                      \
  case at::ScalarType::DTYPE:                                                   \
    if constexpr (at::should_include_kernel_dtype("", at::ScalarType::DTYPE)) { \
      __VA_ARGS__(TYPE());                                                      \
      break;                                                                    \
    } else {                                                                    \
      c10::fail("dtype is not in this build");                                  \
    }

#define AT_DISPATCH_FLOATING(DTYPE, ...)          \
  switch (DTYPE) {                                \
    AT_DISPATCH_CASE(float, Float, __VA_ARGS__)   \
    AT_DISPATCH_CASE(double, Double, __VA_ARGS__) \
    default:                                      \
      c10::fail("no kernel for this dtype");      \
  }
