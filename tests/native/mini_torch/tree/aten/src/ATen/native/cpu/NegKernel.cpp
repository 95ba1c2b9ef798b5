#include <ATen/native/Stubs.h>
#include <ATen/native/cpu/Loops.h>

namespace at::native {
namespace {

Tensor neg_kernel(const Tensor& self) {
  return map(self, [](auto value) { return -value; });
}

} // namespace

REGISTER_DISPATCH(neg_stub, &neg_kernel);

} // namespace at::native
