// exp of floats, which upstream computes one by one. Other dtypes are left to its kernel. See Note
// [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/pointwise.h"

#include <ATen/native/UnaryOps.h>
#include <ATen/ops/exp_native.h>

namespace at::native {

void structured_exp_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*out*/) {
  if (!build_runtime::is_float(*this)) {
    exp_stub(device_type(), *this);
    return;
  }
  build_runtime::compute_much<1>(
      *this, [](build_runtime::Lanes x) LANES_INLINE { return build_runtime::exp_lanes(x); });
}

} // namespace at::native
