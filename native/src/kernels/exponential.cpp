// exp of floats, which upstream computes one by one. Other dtypes are left to its kernel. See Note
// [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/pointwise.h"

#include <ATen/native/UnaryOps.h>
#include <ATen/ops/exp_native.h>

namespace at::native {

void structured_exp_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*out*/) {
  const auto exp = [](build_runtime::Lanes x) { return build_runtime::exp_lanes(x); };
  if (!build_runtime::computed<1>(*this, exp)) {
    exp_stub(device_type(), *this);
  }
}

} // namespace at::native
