#include <ATen/native/Stubs.h>
#include <ATen/native/cpu/Loops.h>

#include <cmath>

namespace at::native {
namespace {

Tensor floor_kernel(const Tensor& self) {
  return map(self, [](auto value) { return std::floor(value); });
}

} // namespace

REGISTER_DISPATCH(floor_stub, &floor_kernel);

} // namespace at::native
