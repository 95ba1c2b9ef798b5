#pragma once

#include <ATen/core/Tensor.h>

namespace torch::jit {

// Every operator takes one tensor and leaves one: the stack is never higher.
struct Stack {
  at::Tensor top;
};

} // namespace torch::jit
