// PackedConvWeightsQnnp<2>::prepack: what a quantized convolution is packed into. XNNPACK computes
// it where its kernels suit, and QNNPACK, of which it is made, everywhere else.
#include "kernels/quantized/checked.h"
#include "kernels/quantized/depthwise.h"
#include "kernels/quantized/products.h"
#include "kernels/quantized/steps.h"
#include "kernels/xnnpack.h"

#include <ATen/ops/_empty_affine_quantized.h>
#include <ATen/ops/empty.h>

#include <array>
#include <utility>

namespace build_runtime {
namespace {

constexpr int64_t kMaxTile = 64;

bool is(const torch::List<int64_t>& pair, int64_t value) {
  return pair[0] == value && pair[1] == value;
}

struct QuantizedConvolution final : CheckedConvolution<2> {
  using CheckedConvolution<
      2>::CheckedConvolution; // NOLINT(cppcoreguidelines-rvalue-reference-param-not-moved)

  at::Tensor apply(const at::Tensor& input, double scale, int64_t zero_point) override {
    check_input(input);
    const at::Tensor made = compute(input, {scale, zero_point}, false);
    return made.defined() ? made : CheckedConvolution<2>::apply(input, scale, zero_point);
  }

  at::Tensor apply_relu(const at::Tensor& input, double scale, int64_t zero_point) override {
    check_input(input);
    const at::Tensor made = compute(input, {scale, zero_point}, true);
    return made.defined() ? made : CheckedConvolution<2>::apply_relu(input, scale, zero_point);
  }

 private:
  // Undefined where XNNPACK does not suit.
  at::Tensor compute(const at::Tensor& input, Steps output, bool relu) {
    const std::scoped_lock alone(mutex_);
    if (!suits(input)) {
      return {};
    }
    const Pair size = {output_size(input, 0), output_size(input, 1)};
    const Requantization wanted{{input.q_scale(), input.q_zero_point()}, output, relu};
    if (size[0] < 1 || size[1] < 1 || !make_ready(wanted)) {
      return {};
    }
    at::Tensor made = at::_empty_affine_quantized(
        {input.size(0), bias.size(0), size[0], size[1]}, at::TensorOptions().dtype(at::kQUInt8),
        output.scale, output.zero_point, at::MemoryFormat::ChannelsLast);
    run(input.contiguous(at::MemoryFormat::ChannelsLast), size, made);
    return made;
  }

  bool suits(const at::Tensor& input) const {
    if (input.scalar_type() != at::kQUInt8 || input.dim() != 4 || input.numel() == 0 ||
        !orig_weight.defined() || transpose_) {
      return false;
    }
    return within(stride_, 1) && within(padding_, 0) && within(dilation_, 1) && groups_ > 0 &&
           orig_weight.size(0) == bias.size(0) && bias.size(0) % groups_ == 0 &&
           input.size(1) == orig_weight.size(1) * groups_ &&
           input.qscheme() == at::kPerTensorAffine &&
           around_zero(w_zero_points, w_scales, bias.size(0));
  }

  int64_t output_size(const at::Tensor& input, size_t d) const {
    const auto at = static_cast<int64_t>(d) + 2;
    const int64_t kernel = dilation_[d] * (orig_weight.size(at) - 1) + 1;
    const int64_t padded = input.size(at) + 2 * padding_[d];
    return padded < kernel ? 0 : (padded - kernel) / stride_[d] + 1;
  }

  // False where there is no kernel for these scales.
  bool make_ready(const Requantization& wanted) {
    if ((operator_ != nullptr || depthwise_ || products_) && ready_ == wanted) {
      return true;
    }
    operator_.reset();
    depthwise_.reset();
    products_.reset();
    ready_ = wanted;
    const std::vector<int32_t> steps = bias_steps(bias, w_scales, wanted.input.scale);
    make_own(wanted, steps);
    return depthwise_ || products_ || make_operator(wanted, steps.data());
  }

  // What kernels of ours compute.
  void make_own(const Requantization& wanted, const std::vector<int32_t>& steps) {
    const bool pixels =
        groups_ == 1 && kernel_[0] * kernel_[1] == 1 && is(stride_, 1) && is(padding_, 0);
    if (!pixels && (groups_ != bias.size(0) || orig_weight.size(1) != 1)) {
      return;
    }
    const auto layer = make_byte_layer(bias.size(0), kernel_[0] * kernel_[1] * orig_weight.size(1),
                                       static_cast<const int8_t*>(orig_weight.const_data_ptr()),
                                       w_scales, steps, wanted);
    if (layer && pixels) {
      products_ = Products::make(*layer);
    } else if (layer) {
      depthwise_ = Depthwise::make(*layer, {{kernel_[0], kernel_[1]},
                                            {stride_[0], stride_[1]},
                                            {padding_[0], padding_[1]},
                                            {dilation_[0], dilation_[1]}});
    }
  }

  bool make_operator(const Requantization& wanted, const int32_t* steps) {
    initialise_xnnpack();
    const int64_t outputs = bias.size(0);
    const int64_t inputs = orig_weight.size(1);
    check_packed_size(outputs + groups_ * kMaxTile, kernel_[0] * kernel_[1] * (inputs + kMaxTile));
    const auto number = [](int64_t value) { return static_cast<uint32_t>(value); };
    const auto size = [](int64_t value) { return static_cast<size_t>(value); };
    const int8_t zero = signed_step(wanted.output.zero_point);
    xnn_operator_t made = nullptr;
    const xnn_status status = xnn_create_convolution2d_nhwc_qs8_qc8w(
        number(padding_[0]), number(padding_[1]), number(padding_[0]), number(padding_[1]),
        number(kernel_[0]), number(kernel_[1]), number(stride_[0]), number(stride_[1]),
        number(dilation_[0]), number(dilation_[1]), number(groups_), size(inputs),
        size(outputs / groups_), size(inputs * groups_), size(outputs),
        signed_step(wanted.input.zero_point), static_cast<float>(wanted.input.scale),
        w_scales.const_data_ptr<float>(), static_cast<const int8_t*>(orig_weight.const_data_ptr()),
        steps, zero, static_cast<float>(wanted.output.scale), wanted.relu ? zero : INT8_MIN,
        INT8_MAX, 0, nullptr, nullptr, &made);
    operator_.reset(made);
    return status == xnn_status_success;
  }

  void run(const at::Tensor& input, const Pair& size, const at::Tensor& output) {
    const auto* from = static_cast<const uint8_t*>(input.const_data_ptr());
    auto* to = static_cast<uint8_t*>(output.mutable_data_ptr());
    if (products_) {
      products_->run(from, input.numel() / input.size(1), to);
    } else if (depthwise_) {
      depthwise_->run(from, {input.size(0), {input.size(2), input.size(3)}, size}, to);
    } else {
      run_operator(input, output);
    }
  }

  void run_operator(const at::Tensor& input, const at::Tensor& output) {
    const at::Tensor steps = signed_steps(input);
    auto* made = static_cast<uint8_t*>(output.mutable_data_ptr());
    size_t bytes = 0;
    size_t alignment = 0;
    check_xnn(xnn_reshape_convolution2d_nhwc_qs8_qc8w(
                  operator_.get(), static_cast<size_t>(input.size(0)),
                  static_cast<size_t>(input.size(2)), static_cast<size_t>(input.size(3)), &bytes,
                  &alignment, nullptr, nullptr, caffe2::pthreadpool_()),
              "prepare a quantized convolution");
    const at::Tensor workspace =
        bytes == 0 ? at::Tensor() : at::empty({static_cast<int64_t>(bytes)}, steps.options());
    check_xnn(
        xnn_setup_convolution2d_nhwc_qs8_qc8w(
            operator_.get(), bytes == 0 ? nullptr : workspace.mutable_data_ptr(),
            static_cast<const int8_t*>(steps.const_data_ptr()), reinterpret_cast<int8_t*>(made)),
        "prepare a quantized convolution");
    run_xnn(operator_.get());
    flip(made, made, output.numel());
  }

  XnnOperator operator_;
  std::optional<Depthwise> depthwise_; // in place of the operator,
  std::optional<Products> products_;   // and so is this
  Requantization ready_;
  std::mutex mutex_;
};

} // namespace
} // namespace build_runtime

// The signature is upstream's.
// NOLINTBEGIN(performance-unnecessary-value-param)
template <>
c10::intrusive_ptr<ConvPackedParamsBase<2>> PackedConvWeightsQnnp<2>::prepack(
    at::Tensor weight, std::optional<at::Tensor> bias, torch::List<int64_t> stride,
    torch::List<int64_t> padding, torch::List<int64_t> output_padding,
    torch::List<int64_t> dilation, int64_t groups, bool transpose) {
  // NOLINTEND(performance-unnecessary-value-param)
  return build_runtime::pack<2, build_runtime::QuantizedConvolution>(
      weight, bias, stride, padding, output_padding, dilation, groups, transpose);
}
