// What kernels ask for even when nothing is trained and there is only a CPU. LibTorch registers
// these from files that bring along what makes gradients, and files that no symbol names.
#include "registry/missing_feature.h"

#include <ATen/core/Tensor.h>
#include <c10/core/TensorImpl.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <memory>

namespace build_runtime {
namespace {

// Kernels look at the gradient of their arguments: there is none, and none can be made.
struct NoGradients final : c10::impl::AutogradMetaFactory {
  std::unique_ptr<c10::AutogradMetaInterface> make() const override { missing_feature("training"); }

  const at::Tensor& undefined_tensor() const override { return undefined_; }

 private:
  at::Tensor undefined_;
};

NoGradients no_gradients;
const c10::impl::AutogradMetaFactoryRegisterer gradients [[maybe_unused]] (&no_gradients);

C10_REGISTER_GUARD_IMPL(CPU, c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CPU>)

} // namespace
} // namespace build_runtime
