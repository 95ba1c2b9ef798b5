#pragma once

#include <ATen/native/DispatchStub.h>

namespace at::native {
DECLARE_DISPATCH(unary_kernel, abs_stub);
DECLARE_DISPATCH(unary_kernel, floor_stub);
DECLARE_DISPATCH(unary_kernel, neg_stub);
DECLARE_DISPATCH(unary_kernel, sqrt_stub);
} // namespace at::native
