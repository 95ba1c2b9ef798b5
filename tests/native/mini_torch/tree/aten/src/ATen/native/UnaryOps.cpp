#include <ATen/native/Stubs.h>
#include <ATen/ops/_coalesce_ops.h>
#include <ATen/ops/abs_native.h>
#include <ATen/ops/floor_native.h>
#include <ATen/ops/neg_native.h>
#include <ATen/ops/sqrt_native.h>

namespace at::native {

Tensor abs(const Tensor& self) {
  return abs_stub_DECLARE_DISPATCH_type::kernel(self);
}

Tensor floor(const Tensor& self) {
  return floor_stub_DECLARE_DISPATCH_type::kernel(self);
}

// The call is of a feature that dense tensors never reach: it is cut.
Tensor neg(const Tensor& self) {
  return neg_stub_DECLARE_DISPATCH_type::kernel(self.is_sparse() ? at::_ops::_coalesce::call(self)
                                                                 : self);
}

Tensor sqrt(const Tensor& self) {
  return sqrt_stub_DECLARE_DISPATCH_type::kernel(self);
}

} // namespace at::native
