#pragma once

#include <torch/csrc/jit/runtime/operator.h>

namespace torch::jit::mobile {

constexpr size_t max_operations = 64;

// A model of this library is a chain: what its bytecode names is applied in that order.
struct Module {
  char method[64] = "";
  Operation operations[max_operations] = {};
  size_t count = 0;

  at::Tensor run(const at::Tensor& input) const;
};

// Throws c10::Error for what is no model, and names every operator that is not registered.
Module load(const void* archive, size_t size);

} // namespace torch::jit::mobile
