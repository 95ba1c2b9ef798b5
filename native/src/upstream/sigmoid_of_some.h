// Included before ATen/native/quantized/cpu/qhardsigmoid.cpp, which divides by the number of rows
// that it gives QNNPACK: there may be none.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/_empty_affine_quantized.h>
#include <ATen/ops/hardsigmoid_native.h>

namespace at::native {

Tensor hardsigmoid_of_some(const Tensor& qx);

Tensor hardsigmoid_quantized_cpu(const Tensor& qx) {
  if (qx.numel() == 0 && qx.scalar_type() == kQUInt8) {
    return at::_empty_affine_quantized(qx.sizes(), at::device(kCPU).dtype(kQUInt8), 1.0 / 256, 0,
                                       qx.suggest_memory_format());
  }
  return hardsigmoid_of_some(qx);
}

Tensor& hardsigmoid_out_quantized_cpu(const Tensor& qx, Tensor& result) {
  result.copy_(hardsigmoid_quantized_cpu(qx));
  return result;
}

} // namespace at::native

#define hardsigmoid_quantized_cpu hardsigmoid_of_some
#define hardsigmoid_out_quantized_cpu hardsigmoid_out_of_some
