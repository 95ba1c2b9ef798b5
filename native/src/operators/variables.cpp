// What TorchScript asks of a tensor that LibTorch answers by autograd alone, which runtimes lack.
#include "registry/exported.h"

#include <ATen/core/Tensor.h>

namespace build_runtime {
namespace {

// `x.data`: the same memory, with sizes of its own.
at::Tensor data(const at::Tensor& tensor) {
  const c10::VariableVersion unversioned(0);
  return at::Tensor(tensor.unsafeGetTensorImpl()->shallow_copy_and_detach(unversioned, false));
}

// Only autograd gives tensors names.
void name(torch::jit::Stack& stack) {
  stack.back() = c10::IValue();
}

} // namespace
} // namespace build_runtime

using namespace build_runtime;

BR_KERNEL(br_kernel_4prim_4data_0, &data)
BR_OPERATOR(br_kernel_4prim_4name_0, &name)
