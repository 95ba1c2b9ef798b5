#include "kernels/packed_linear.h"

#include <ATen/ops/empty.h>

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
  xnn_operator_t made = nullptr;
  const auto inputs = static_cast<size_t>(inputs_);
  const auto outputs = static_cast<size_t>(outputs_);
  const at::Tensor rows = weight.contiguous();
  const std::vector<float> offsets = bias_values(bias, outputs_);
  has_bias_ = !offsets.empty();
  check_xnn(xnn_create_fully_connected_nc_f32(inputs, outputs, inputs, outputs,
                                              rows.const_data_ptr<float>(),
                                              has_bias_ ? offsets.data() : nullptr, limits.lowest,
                                              limits.highest, 0, nullptr, nullptr, &made),
            "pack a linear layer");
  operator_.reset(made);
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
  check_xnn(
      xnn_reshape_fully_connected_nc_f32(
          operator_.get(), static_cast<size_t>(rows.numel() / inputs_), caffe2::pthreadpool_()),
      "prepare a linear layer");
  check_xnn(xnn_setup_fully_connected_nc_f32(operator_.get(), rows.const_data_ptr<float>(),
                                             output.mutable_data_ptr<float>()),
            "prepare a linear layer");
  run_xnn(operator_.get());
  return output;
}

c10::IValue PackedLinear::sizes() const {
  const c10::IValue bias = has_bias_ ? c10::IValue(std::vector<int64_t>{outputs_}) : c10::IValue();
  return c10::ivalue::Tuple::create({std::vector<int64_t>{outputs_, inputs_}, bias});
}

} // namespace build_runtime
