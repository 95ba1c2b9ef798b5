#include "kernels/packed_linear.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace build_runtime {
PackedLinear::PackedLinear(const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                           Limits limits) {
  if (!weight.defined() || weight.dim() != 2 || weight.scalar_type() != at::kFloat ||
      weight.layout() != at::kStrided || weight.numel() == 0) {
    fail_kernel("the weight of a linear layer is not two-dimensional float32");
  }
  outputs_ = weight.size(0);
  inputs_ = weight.size(1);
  check_packed_size(outputs_, inputs_);
  initialise_xnnpack();
  const at::Tensor rows = weight.contiguous();
  const auto* numbers = rows.const_data_ptr<float>();
  const std::vector<float> offsets = bias_values(bias, outputs_);
  has_bias_ = !offsets.empty();
  outputs_of_part_ = outputs_at_a_time(outputs_, inputs_);
  const auto inputs = static_cast<size_t>(inputs_);
  for (int64_t first = 0; first < outputs_; first += outputs_of_part_) {
    const int64_t count = std::min(outputs_of_part_, outputs_ - first);
    xnn_operator_t made = nullptr;
    check_xnn(xnn_create_fully_connected_nc_f32(
                  inputs, static_cast<size_t>(count), inputs, static_cast<size_t>(outputs_),
                  numbers + first * inputs_, has_bias_ ? offsets.data() + first : nullptr,
                  limits.lowest, limits.highest, 0, nullptr, nullptr, &made),
              "pack a linear layer");
    parts_.emplace_back(made);
  }
}

at::Tensor PackedLinear::run(const at::Tensor& input) {
  if (input.scalar_type() != at::kFloat || input.dim() < 1 || input.size(-1) != inputs_) {
    fail_kernel("a linear layer takes rows of " + std::to_string(inputs_) + " float32 numbers");
  }
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes.back() = outputs_;
  const at::Tensor output = at::empty(sizes, input.options());
  if (output.numel() == 0) {
    return output;
  }
  const at::Tensor rows = readable(input, at::MemoryFormat::Contiguous);
  const std::scoped_lock alone(mutex_);
  auto* to = output.mutable_data_ptr<float>();
  for (const XnnOperator& part : parts_) {
    check_xnn(xnn_reshape_fully_connected_nc_f32(
                  part.get(), static_cast<size_t>(rows.numel() / inputs_), caffe2::pthreadpool_()),
              "prepare a linear layer");
    check_xnn(xnn_setup_fully_connected_nc_f32(part.get(), rows.const_data_ptr<float>(), to),
              "prepare a linear layer");
    run_xnn(part.get());
    to += outputs_of_part_;
  }
  return output;
}

c10::IValue PackedLinear::sizes() const {
  const c10::IValue bias = has_bias_ ? c10::IValue(std::vector<int64_t>{outputs_}) : c10::IValue();
  return c10::ivalue::Tuple::create({std::vector<int64_t>{outputs_, inputs_}, bias});
}

} // namespace build_runtime
