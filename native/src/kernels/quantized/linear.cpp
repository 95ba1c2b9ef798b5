// PackedLinearWeightsQnnp::prepack: what a quantized linear layer is packed into. XNNPACK computes
// it where its kernels suit, and QNNPACK, of which it is made, everywhere else.
#include "kernels/quantized/products.h"
#include "kernels/quantized/steps.h"
#include "kernels/quantizer.h"
#include "kernels/xnnpack.h"

#include <ATen/native/quantized/cpu/QnnpackUtils.h>
#include <ATen/native/quantized/cpu/QuantUtils.h>
#include <ATen/native/quantized/cpu/init_qnnpack.h>
#include <ATen/ops/_empty_affine_quantized.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace build_runtime {
namespace {

using Qnnpack = PackedLinearWeightsQnnp;

struct Range {
  float least = 0;
  float most = 0;
};

// Of numbers that are numbers: false where some are not, or infinite.
bool find_range(const float* values, int64_t count, Range& range) {
  float sum = 0; // of zeros, or not a number
  for (int64_t i = 0; i < count; ++i) {
    range.least = std::min(range.least, values[i]);
    range.most = std::max(range.most, values[i]);
    sum += values[i] * 0.0F;
  }
  return sum == 0.0F;
}

struct QuantizedLinear final : Qnnpack {
  using Qnnpack::Qnnpack; // NOLINT(cppcoreguidelines-rvalue-reference-param-not-moved)

  at::Tensor apply(at::Tensor input, double scale, int64_t zero_point) override {
    check_input(input);
    check_zero_point(zero_point);
    const at::Tensor made = compute(input, {scale, zero_point}, false);
    return made.defined() ? made : Qnnpack::apply(std::move(input), scale, zero_point);
  }

  at::Tensor apply_relu(at::Tensor input, double scale, int64_t zero_point) override {
    check_input(input);
    check_zero_point(zero_point);
    const at::Tensor made = compute(input, {scale, zero_point}, true);
    return made.defined() ? made : Qnnpack::apply_relu(std::move(input), scale, zero_point);
  }

  at::Tensor apply_dynamic(at::Tensor input, bool reduce_range) override {
    check_input(input);
    const at::Tensor made = compute_dynamic(input);
    return made.defined() ? made : Qnnpack::apply_dynamic(std::move(input), reduce_range);
  }

  at::Tensor apply_dynamic_relu(at::Tensor input, bool reduce_range) override {
    check_input(input);
    const at::Tensor made = compute_dynamic(input);
    return made.defined() ? made.clamp_min_(0)
                          : Qnnpack::apply_dynamic_relu(std::move(input), reduce_range);
  }

 private:
  int64_t inputs() const { return weight_sizes[1]; }
  int64_t outputs() const { return weight_sizes[0]; }

  // QNNPACK believes what it is given: it would read beyond the weights.
  void check_input(const at::Tensor& input) const {
    if (input.dim() > 0 && input.size(-1) != inputs()) {
      fail_kernel("a quantized layer takes rows of " + std::to_string(inputs()) +
                  " numbers, and got " + std::to_string(input.size(-1)));
    }
  }

  static void check_zero_point(int64_t zero_point) {
    if (zero_point < 0 || zero_point > UINT8_MAX) {
      fail_kernel("the zero point of what a quantized layer makes is " +
                  std::to_string(zero_point) + ", and not from 0 to 255");
    }
  }

  bool suits(const at::Tensor& input, at::ScalarType dtype) const {
    return input.scalar_type() == dtype && input.dim() >= 2 && input.numel() > 0 &&
           input.size(-1) == inputs() && orig_weight.defined() &&
           around_zero(w_zero_points, w_scales, outputs());
  }

  std::vector<int64_t> output_sizes(const at::Tensor& input) const {
    std::vector<int64_t> sizes = input.sizes().vec();
    sizes.back() = outputs();
    return sizes;
  }

  const int8_t* weight() const { return static_cast<const int8_t*>(orig_weight.const_data_ptr()); }

  // Undefined where XNNPACK does not suit.
  at::Tensor compute(const at::Tensor& input, Steps output, bool relu) {
    const std::scoped_lock alone(mutex_);
    if (!suits(input, at::kQUInt8) || input.qscheme() != at::kPerTensorAffine ||
        !make_ready({{input.q_scale(), input.q_zero_point()}, output, relu})) {
      return {};
    }
    at::Tensor made =
        at::_empty_affine_quantized(output_sizes(input), at::TensorOptions().dtype(at::kQUInt8),
                                    output.scale, output.zero_point);
    const at::Tensor rows = input.contiguous();
    auto* to = static_cast<uint8_t*>(made.mutable_data_ptr());
    if (products_) {
      products_->run(static_cast<const uint8_t*>(rows.const_data_ptr()), rows.numel() / inputs(),
                     to);
    } else {
      run_operator(rows, to);
    }
    return made;
  }

  void run_operator(const at::Tensor& input, uint8_t* to) {
    const at::Tensor steps = signed_steps(input);
    check_xnn(
        xnn_reshape_fully_connected_nc_qs8_qc8w(
            operator_.get(), static_cast<size_t>(input.numel() / inputs()), caffe2::pthreadpool_()),
        "prepare a quantized linear layer");
    check_xnn(xnn_setup_fully_connected_nc_qs8_qc8w(
                  operator_.get(), static_cast<const int8_t*>(steps.const_data_ptr()),
                  reinterpret_cast<int8_t*>(to)),
              "prepare a quantized linear layer");
    run_xnn(operator_.get());
    flip(to, to, input.numel() / inputs() * outputs());
  }

  // False where there is no kernel for these scales.
  bool make_ready(const Requantization& wanted) {
    if ((operator_ != nullptr || products_) && ready_ == wanted) {
      return true;
    }
    operator_.reset();
    products_.reset();
    ready_ = wanted;
    const std::vector<int32_t> steps = bias_steps(bias_, w_scales, wanted.input.scale);
    if (const auto layer =
            make_byte_layer(outputs(), inputs(), weight(), w_scales, steps, wanted)) {
      products_ = Products::make(*layer);
    }
    return products_ || make_operator(wanted, steps.data());
  }

  bool make_operator(const Requantization& wanted, const int32_t* steps) {
    check_packed_size(outputs(), inputs());
    initialise_xnnpack();
    const auto columns = static_cast<size_t>(inputs());
    const auto rows = static_cast<size_t>(outputs());
    const int8_t zero = signed_step(wanted.output.zero_point);
    xnn_operator_t made = nullptr;
    const xnn_status status = xnn_create_fully_connected_nc_qs8_qc8w(
        columns, rows, columns, rows, signed_step(wanted.input.zero_point),
        static_cast<float>(wanted.input.scale), w_scales.const_data_ptr<float>(), weight(), steps,
        zero, static_cast<float>(wanted.output.scale), wanted.relu ? zero : INT8_MIN, INT8_MAX, 0,
        nullptr, nullptr, &made);
    operator_.reset(made);
    return status == xnn_status_success;
  }

  // The input is quantized as torch does it: one scale for all of it.
  at::Tensor compute_dynamic(const at::Tensor& input) {
    const std::scoped_lock alone(mutex_);
    Range range;
    if (!suits(input, at::kFloat)) {
      return {};
    }
    const at::Tensor values = input.contiguous();
    const auto* from = values.const_data_ptr<float>();
    if (!find_range(from, values.numel(), range) || !make_dynamic_ready()) {
      return {};
    }
    const auto chosen = quant_utils::ChooseQuantizationParams(range.least, range.most, 0, 255);
    at::Tensor steps = at::empty({values.numel()}, at::TensorOptions().dtype(at::kByte));
    quantize(from, values.numel(), chosen.scale, chosen.zero_point - kMiddle, INT8_MIN,
             steps.mutable_data_ptr<uint8_t>());
    const auto rows = static_cast<size_t>(values.numel() / inputs());
    at::Tensor made = at::empty(output_sizes(input), input.options());
    // XNNPACK reads some beyond the last row
    const std::vector<xnn_quantization_params> parameters(
        rows + kMaxRows,
        {static_cast<int32_t>(chosen.zero_point - kMiddle), static_cast<float>(chosen.scale)});
    check_xnn(
        xnn_reshape_fully_connected_nc_qd8_f32_qc8w(dynamic_.get(), rows, caffe2::pthreadpool_()),
        "prepare a quantized linear layer");
    check_xnn(xnn_setup_fully_connected_nc_qd8_f32_qc8w(
                  dynamic_.get(), static_cast<const int8_t*>(steps.const_data_ptr()),
                  made.mutable_data_ptr<float>(), parameters.data()),
              "prepare a quantized linear layer");
    run_xnn(dynamic_.get());
    return made;
  }

  bool make_dynamic_ready() {
    if (dynamic_ != nullptr) {
      return true;
    }
    check_packed_size(outputs(), inputs());
    initialise_xnnpack();
    const auto columns = static_cast<size_t>(inputs());
    const auto rows = static_cast<size_t>(outputs());
    const Limits none;
    xnn_operator_t made = nullptr;
    const xnn_status status = xnn_create_fully_connected_nc_qd8_f32_qc8w(
        columns, rows, columns, rows, w_scales.const_data_ptr<float>(), weight(),
        bias_.const_data_ptr<float>(), none.lowest, none.highest, 0, nullptr, nullptr, &made);
    dynamic_.reset(made);
    return status == xnn_status_success;
  }

  static constexpr size_t kMaxRows = 16; // of a microkernel

  XnnOperator operator_;
  std::optional<Products> products_; // in place of the operator
  XnnOperator dynamic_;
  Requantization ready_;
  std::mutex mutex_;
};

} // namespace
} // namespace build_runtime

c10::intrusive_ptr<LinearPackedParamsBase> PackedLinearWeightsQnnp::prepack(
    at::Tensor weight, // NOLINT(performance-unnecessary-value-param): as upstream has it
    std::optional<at::Tensor> bias) {
  if (weight.dim() != 2 || weight.scalar_type() != at::kQInt8) {
    build_runtime::fail_kernel("the weight of a quantized layer is not two-dimensional qint8");
  }
  if (weight.size(0) < 1) {
    build_runtime::fail_kernel("the weight of a quantized layer has no outputs");
  }
  at::native::initQNNPACK();
  const int64_t outputs = weight.size(0);
  const at::Tensor offsets =
      bias && bias->defined() ? *bias : at::zeros({outputs}, at::TensorOptions().dtype(at::kFloat));
  if (offsets.dim() != 1 || offsets.size(0) != outputs || offsets.scalar_type() != at::kFloat) {
    build_runtime::fail_kernel("the bias of a quantized layer is not " + std::to_string(outputs) +
                               " float32 numbers");
  }
  const at::Tensor steps = weight.contiguous();
  auto [zero_points, scales] = make_zero_points_and_scales_tensor(steps);
  return c10::make_intrusive<build_runtime::QuantizedLinear>(
      nullptr, steps, offsets.contiguous(), std::nullopt, scales, std::move(zero_points));
}
