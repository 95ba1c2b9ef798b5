// Included before ATen/native/quantized/cpu/qhardswish.cpp, which divides by the number of rows
// that it gives QNNPACK: there may be none.
#pragma once
#include <ATen/core/Tensor.h>

#include <utility>

namespace at::native {
namespace {

Tensor qnnpack_hardswish(const Tensor& qx, Tensor& qy);

// What upstream calls, which prefers it: its tensor is not const.
inline Tensor qnnpack_hardswish(Tensor& qx, Tensor& qy) {
  return qx.numel() == 0 ? qy : qnnpack_hardswish(std::as_const(qx), qy);
}

} // namespace
} // namespace at::native
