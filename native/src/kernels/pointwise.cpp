// What upstream computes of single floats one by one, or with a jump for each: relu, leaky_relu,
// prelu, elu, silu, hardsigmoid, hardswish, and the smaller and larger of two. Other dtypes are
// left to its kernels. See Note [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/pointwise.h"

#include <ATen/native/Activation.h>
#include <ATen/native/BinaryOps.h>
#include <ATen/native/TensorCompare.h>
#include <ATen/ops/_prelu_kernel_native.h>
#include <ATen/ops/clamp_min_native.h>
#include <ATen/ops/elu_native.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/hardsigmoid_native.h>
#include <ATen/ops/hardswish_native.h>
#include <ATen/ops/leaky_relu_native.h>
#include <ATen/ops/maximum_native.h>
#include <ATen/ops/minimum_native.h>
#include <ATen/ops/silu_native.h>

#include <cmath>

namespace build_runtime {
namespace {

// From -3 to 3, 0 to 6.
Lanes ramp(Lanes x) {
  constexpr float kHighest = 6.0F;
  x = x + 3.0F;
  x = x < 0.0F ? Lanes{} : x;
  return x > kHighest ? Lanes{} + kHighest : x;
}

void hardswish_of(at::TensorIterator& operands) {
  if (!computed<1>(operands, [](Lanes x) { return x * ramp(x) / 6.0F; })) {
    at::native::hardswish_stub(operands.device_type(), operands);
  }
}

} // namespace
} // namespace build_runtime

namespace at::native {

using namespace build_runtime;

void structured_clamp_min_out::impl(const at::Tensor& /*self*/, const at::Scalar& min,
                                    const at::Tensor& out) {
  if (std::isnan(min.toDouble())) {
    out.fill_(min);
    return;
  }
  if (!is_float(*this)) {
    clamp_min_scalar_stub(device_type(), *this, min);
    return;
  }
  const auto least = min.toFloat();
  compute<1>(*this, [least](Lanes x) { return x < least ? Lanes{} + least : x; });
}

void structured_leaky_relu_out::impl(const at::Tensor& /*self*/, const at::Scalar& negative_slope,
                                     const at::Tensor& /*out*/) {
  if (!is_float(*this)) {
    leaky_relu_stub(device_type(), *this, negative_slope);
    return;
  }
  const auto slope = negative_slope.toFloat();
  compute<1>(*this, [slope](Lanes x) { return x > 0.0F ? x : x * slope; });
}

void structured_elu_out::impl(const at::Tensor& /*self*/, const at::Scalar& alpha,
                              const at::Scalar& scale, const at::Scalar& input_scale,
                              const at::Tensor& /*out*/) {
  if (!is_float(*this)) {
    elu_stub(device_type(), *this, alpha, scale, input_scale);
    return;
  }
  const float above = scale.toFloat();
  const float below = alpha.toFloat() * above;
  const float within = input_scale.toFloat();
  compute_much<1>(*this, [=](Lanes x) LANES_INLINE {
    return x > 0.0F ? x * above : (exp_lanes(x * within) - 1.0F) * below;
  });
}

void structured_silu_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*out*/) {
  if (!is_float(*this)) {
    silu_stub(device_type(), *this);
    return;
  }
  compute_much<1>(*this, [](Lanes x) LANES_INLINE { return x / (1.0F + exp_lanes(-x)); });
}

void structured_hardsigmoid_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*out*/) {
  if (!computed<1>(*this, [](Lanes x) { return ramp(x) / 6.0F; })) {
    hardsigmoid_stub(device_type(), *this);
  }
}

void structured_maximum_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*other*/,
                                  const at::Tensor& /*out*/) {
  const auto larger = [](Lanes x, Lanes y) { return ((x > y) | (x != x)) ? x : y; };
  if (!computed<2>(*this, larger)) {
    maximum_stub(device_type(), *this);
  }
}

void structured_minimum_out::impl(const at::Tensor& /*self*/, const at::Tensor& /*other*/,
                                  const at::Tensor& /*out*/) {
  const auto smaller = [](Lanes x, Lanes y) { return ((x < y) | (x != x)) ? x : y; };
  if (!computed<2>(*this, smaller)) {
    minimum_stub(device_type(), *this);
  }
}

at::Tensor hardswish(const at::Tensor& self) {
  at::Tensor made;
  auto operands = at::TensorIterator::unary_op(made, self);
  hardswish_of(operands);
  return operands.output();
}

at::Tensor& hardswish_(at::Tensor& self) {
  auto operands = at::TensorIterator::unary_op(self, self);
  hardswish_of(operands);
  return self;
}

at::Tensor _prelu_kernel(const at::Tensor& self, const at::Tensor& weight) {
  at::Tensor made = at::empty_like(self);
  auto operands = at::TensorIteratorConfig()
                      .add_output(made)
                      .add_const_input(self)
                      .add_const_input(weight)
                      .build();
  if (!computed<2>(operands, [](Lanes x, Lanes slope) { return x > 0.0F ? x : slope * x; })) {
    prelu_stub(operands.device_type(), operands);
  }
  return made;
}

} // namespace at::native
