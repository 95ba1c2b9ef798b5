#pragma once

#include <ATen/Dispatch.h>

namespace at::native {

template <class Function>
Tensor map(const Tensor& self, const Function& function) {
  Tensor result = self;
  AT_DISPATCH_FLOATING(self.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* values = result.data<T>();
    for (size_t i = 0; i < result.count(); ++i) {
      values[i] = function(values[i]);
    }
  });
  return result;
}

} // namespace at::native
