// Convolutions over channels-last images, with weights that were packed once.
#pragma once

#include "kernels/winograd.h"
#include "kernels/xnnpack.h"

#include <ATen/core/ivalue.h>

#include <array>
#include <mutex>
#include <vector>

namespace build_runtime {

using Pair = std::array<int64_t, 2>; // of the height, of the width

// What a convolution is made of, as a model says it: nothing is checked yet.
struct ConvolutionParts {
  at::Tensor weight;
  std::optional<at::Tensor> bias;
  Pair stride = {1, 1};
  Pair padding = {0, 0};
  Pair output_padding = {0, 0};
  Pair dilation = {1, 1};
  int64_t groups = 1;
  Limits limits;
};

// A convolution, or a transposed one. XNNPACK keeps the addresses of what it reads in the operator
// (an indirection buffer), so one call runs at a time.
class PackedConvolution : public torch::jit::CustomClassHolder {
 public:
  enum class Kind { plain, transposed };

  // Packs the weights, which are not kept. Throws for what no convolution can have.
  PackedConvolution(Kind kind, const ConvolutionParts& parts);

  // A batch of images, or one; the result has the memory format of the input.
  at::Tensor run(const at::Tensor& input);

  // (weight's, bias's or None, stride, padding, dilation, groups).
  c10::IValue sizes() const;

 private:
  void pack(const ConvolutionParts& parts);
  XnnOperator pack_part(const ConvolutionParts& parts, const std::vector<float>& weight,
                        const std::vector<float>& bias, int64_t first) const;
  Pair output_size(const at::Tensor& input) const;
  void check_input(const at::Tensor& input) const;
  void compute(const at::Tensor& input, const at::Tensor& output);
  void compute_transposed(xnn_operator_t op, const at::Tensor& input, float* to) const;

  Kind kind_;
  std::vector<int64_t> weight_sizes_;
  bool has_bias_ = false;
  Pair stride_;
  Pair padding_;
  Pair output_padding_;
  Pair dilation_;
  int64_t groups_;
  int64_t input_channels_ = 0;
  int64_t output_channels_ = 0;
  std::vector<XnnOperator> parts_; // each computes some of the outputs
  int64_t outputs_of_part_ = 0;
  std::unique_ptr<Winograd> winograd_; // null where it is no gain
  std::mutex mutex_;
};

} // namespace build_runtime
