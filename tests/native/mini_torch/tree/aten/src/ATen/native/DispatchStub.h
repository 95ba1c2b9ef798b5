// An operator's file declares a stub, a file of another group gives it its kernel.
#pragma once

#include <ATen/core/Tensor.h>

namespace at::native {
using unary_kernel = Tensor (*)(const Tensor&);
} // namespace at::native

#define DECLARE_DISPATCH(function, stub) \
  struct stub##_DECLARE_DISPATCH_type {  \
    static function kernel;              \
  }

#define REGISTER_DISPATCH(stub, function) \
  unary_kernel stub##_DECLARE_DISPATCH_type::kernel = function
