// The dtype that autocast would compute in. LibTorch's mobile builds leave the argument on the
// stack, where it becomes the answer of the method.
#include "registry/exported.h"

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace build_runtime {
namespace {

// What torch has as long as nobody sets another.
void autocast_dtype(torch::jit::Stack& stack) {
  const c10::Device device(torch::jit::pop(stack).toStringRef());
  stack.emplace_back(device.is_cpu() ? at::kBFloat16 : at::kHalf);
}

} // namespace
} // namespace build_runtime

using namespace build_runtime;

BR_OPERATOR(br_kernel_4aten_18get_autocast_dtype_0, &autocast_dtype)
