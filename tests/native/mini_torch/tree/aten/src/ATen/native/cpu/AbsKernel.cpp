#include <ATen/native/Stubs.h>
#include <ATen/native/cpu/Loops.h>

namespace at::native {
namespace {

Tensor abs_kernel(const Tensor& self) {
  return map(self, [](auto value) { return value < 0 ? -value : value; });
}

} // namespace

REGISTER_DISPATCH(abs_stub, &abs_kernel);

} // namespace at::native
