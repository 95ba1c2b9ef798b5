#include <ATen/native/cpu/Loops.h>
#include <ATen/ops/abs_ops.h>
#include <ATen/ops/relu_native.h>

namespace at::native {

// Half the sum of a number and its absolute value: one operator calls another.
Tensor relu(const Tensor& self) {
  Tensor result = at::_ops::abs::call(self);
  AT_DISPATCH_FLOATING(self.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (size_t i = 0; i < result.count(); ++i) {
      result.data<T>()[i] = (result.data<T>()[i] + self.data<T>()[i]) / 2;
    }
  });
  return result;
}

} // namespace at::native
