// What quantized convolutions of two and three dimensions are packed into: QNNPACK's, with checks
// of what it believes.
#pragma once

#include "kernels/xnnpack.h"

#include <ATen/native/quantized/cpu/QnnpackUtils.h>
#include <ATen/native/quantized/cpu/init_qnnpack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <string>

namespace build_runtime {

// Far above what layers have, and far below what would overflow.
constexpr int64_t kMaxParameter = 1 << 15;

inline bool within(const torch::List<int64_t>& numbers, int64_t least) {
  return std::all_of(numbers.begin(), numbers.end(), [least](int64_t number) {
    return number >= least && number <= kMaxParameter;
  });
}

// QNNPACK's, for inputs that it can take.
template <int Dimensions>
struct CheckedConvolution : PackedConvWeightsQnnp<Dimensions> {
  using Base = PackedConvWeightsQnnp<Dimensions>;
  using Base::Base; // NOLINT(cppcoreguidelines-rvalue-reference-param-not-moved)

  // What an input has: QNNPACK lets go of the weights that would tell.
  void take(int64_t channels) { channels_ = channels; }

  at::Tensor apply(const at::Tensor& input, double scale, int64_t zero_point) override {
    check_input(input);
    return Base::apply(input, scale, zero_point);
  }

  at::Tensor apply_relu(const at::Tensor& input, double scale, int64_t zero_point) override {
    check_input(input);
    return Base::apply_relu(input, scale, zero_point);
  }

 protected:
  // QNNPACK believes what it is given: it would read, or even write, beyond other images.
  void check_input(const at::Tensor& input) const {
    if (input.dim() != Dimensions + 2) {
      return; // refused by what comes next
    }
    if (input.size(1) != channels_) {
      fail_kernel("a quantized convolution takes " + std::to_string(channels_) +
                  " channels, and got " + std::to_string(input.size(1)));
    }
    for (size_t d = 0; d < Dimensions && !this->transpose_; ++d) {
      const int64_t padded = input.size(static_cast<int64_t>(d) + 2) + 2 * this->padding_[d];
      if (padded < this->dilation_[d] * (this->kernel_[d] - 1) + 1) {
        fail_kernel("the image is too small for the kernel of a quantized convolution");
      }
    }
  }

 private:
  int64_t channels_ = 0;
};

template <int Dimensions>
void check_parts(const at::Tensor& weight, const torch::List<int64_t>& stride,
                 const torch::List<int64_t>& padding, const torch::List<int64_t>& output_padding,
                 const torch::List<int64_t>& dilation, bool transpose) {
  if (weight.dim() != Dimensions + 2 || weight.scalar_type() != at::kQInt8) {
    fail_kernel("the weight of a quantized convolution is not qint8 of " +
                std::to_string(Dimensions + 2) + " dimensions");
  }
  if (weight.numel() == 0) {
    fail_kernel("the weight of a quantized convolution has no elements");
  }
  const auto fits = [](const torch::List<int64_t>& numbers, int64_t least) {
    return numbers.size() == Dimensions && within(numbers, least);
  };
  if (!fits(stride, 1) || !fits(padding, 0) || !fits(dilation, 1) ||
      (transpose && !fits(output_padding, 0))) {
    fail_kernel("a quantized convolution has no stride, padding or dilation for " +
                std::to_string(Dimensions) + " dimensions");
  }
}

inline at::Tensor float_bias(const std::optional<at::Tensor>& bias, int64_t outputs) {
  at::Tensor offsets =
      bias && bias->defined() ? *bias : at::zeros({outputs}, at::TensorOptions().dtype(at::kFloat));
  if (offsets.dim() != 1 || offsets.size(0) != outputs || offsets.scalar_type() != at::kFloat) {
    fail_kernel("the bias of a quantized convolution is not " + std::to_string(outputs) +
                " float32 numbers");
  }
  return offsets.contiguous();
}

// The arguments are those of upstream's functions, which hand them on.
// NOLINTBEGIN(performance-unnecessary-value-param)
template <int Dimensions, class Made>
c10::intrusive_ptr<ConvPackedParamsBase<Dimensions>> pack(
    const at::Tensor& weight, const std::optional<at::Tensor>& bias, torch::List<int64_t> stride,
    torch::List<int64_t> padding, torch::List<int64_t> output_padding,
    torch::List<int64_t> dilation, int64_t groups, bool transpose) {
  // NOLINTEND(performance-unnecessary-value-param)
  check_parts<Dimensions>(weight, stride, padding, output_padding, dilation, transpose);
  if (groups < 1 || weight.size(0) % groups != 0) { // of outputs, or of a transposed one's inputs
    fail_kernel("the weight of a quantized convolution has " + std::to_string(weight.size(0)) +
                " parts, which are not of " + std::to_string(groups) + " groups");
  }
  at::native::initQNNPACK();
  const at::Tensor offsets = float_bias(bias, transpose ? weight.size(1) * groups : weight.size(0));
  const at::Tensor steps = weight.contiguous(Dimensions == 2 ? at::MemoryFormat::ChannelsLast
                                                             : at::MemoryFormat::ChannelsLast3d);
  auto [zero_points, scales] =
      make_zero_points_and_scales_tensor(steps, transpose, static_cast<uint32_t>(groups));
  const int64_t channels = transpose ? steps.size(0) : steps.size(1) * groups;
  auto made = c10::make_intrusive<Made>(
      nullptr, steps, offsets, std::move(stride), std::move(padding), std::move(output_padding),
      std::move(dilation), groups, transpose, std::nullopt, steps.sizes().slice(2).vec(), scales,
      std::move(zero_points), steps.qscheme() == at::kPerChannelAffine);
  made->take(channels);
  return made;
}

} // namespace build_runtime
