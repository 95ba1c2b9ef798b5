// Matrix products with weights that were packed once.
#pragma once

#include "kernels/xnnpack.h"

#include <ATen/core/ivalue.h>

#include <mutex>

namespace build_runtime {

class PackedLinear : public torch::jit::CustomClassHolder {
 public:
  // Packs the weights (outputs, inputs), which are not kept. Throws for what is no such thing.
  PackedLinear(const at::Tensor& weight, const std::optional<at::Tensor>& bias, Limits limits);

  // Any number of dimensions but none; the last one is the inputs.
  at::Tensor run(const at::Tensor& input);

  // (weight's, bias's or None).
  c10::IValue sizes() const;

 private:
  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
  bool has_bias_ = false;
  std::vector<XnnOperator> parts_; // each computes some of the outputs
  int64_t outputs_of_part_ = 0;
  std::mutex mutex_;
};

} // namespace build_runtime
