// Sums, differences, products and quotients of floats, several at a time. Other dtypes are left to
// upstream's kernels. See Note [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/pointwise.h"

#include <ATen/native/BinaryOps.h>
#include <ATen/ops/add_native.h>
#include <ATen/ops/div_native.h>
#include <ATen/ops/mul_native.h>
#include <ATen/ops/sub_native.h>

namespace build_runtime {
namespace {

// x + factor y
void add_products(at::TensorIteratorBase& operands, const at::Scalar& factor) {
  if (!is_float(operands)) {
    at::native::add_stub(operands.device_type(), operands, factor);
    return;
  }
  const auto times = factor.toFloat();
  compute<2>(operands, [times](Lanes x, Lanes y) { return x + y * times; });
}

} // namespace
} // namespace build_runtime

namespace at::native {

using namespace build_runtime;

void structured_ufunc_add_CPU::impl(const at::Tensor& /*self*/, const at::Tensor& /*other*/,
                                    const at::Scalar& alpha, const at::Tensor& /*out*/) {
  add_products(*this, alpha);
}

void structured_sub_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*other*/,
                              const at::Scalar& alpha, const at::Tensor& /*out*/) {
  add_products(*this, -alpha);
}

void structured_mul_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*other*/,
                              const at::Tensor& /*out*/) {
  if (!computed<2>(*this, [](Lanes x, Lanes y) { return x * y; })) {
    mul_stub(device_type(), *this);
  }
}

void structured_div_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*other*/,
                              const at::Tensor& /*out*/) {
  if (!computed<2>(*this, [](Lanes x, Lanes y) { return x / y; })) {
    div_true_stub(device_type(), *this);
  }
}

} // namespace at::native
