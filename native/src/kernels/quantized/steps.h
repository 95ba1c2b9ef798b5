// Numbers of quantized layers as XNNPACK wants them. Its fastest kernels take signed activations
// and weights around zero; torch's activations are unsigned. Both are 128 apart, which is one bit.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace build_runtime {

// What steps of a quantized tensor stand for.
struct Steps {
  double scale = 0;
  int64_t zero_point = 0;

  bool operator==(const Steps& other) const {
    return scale == other.scale && zero_point == other.zero_point;
  }
};

// With what a quantized layer was made ready.
struct Requantization {
  Steps input;
  Steps output;
  bool relu = false;

  bool operator==(const Requantization& other) const {
    return input == other.input && output == other.output && relu == other.relu;
  }
};

constexpr int64_t kMiddle = 128;

inline int8_t signed_step(int64_t step) {
  return static_cast<int8_t>(step - kMiddle);
}

// Changes each step between unsigned and signed.
void flip(const uint8_t* from, uint8_t* to, int64_t count);

// A copy of the steps of `tensor`, which has no gaps, as signed ones.
at::Tensor signed_steps(const at::Tensor& tensor);

// Whether XNNPACK's kernels can compute with these weights: `zero_points` are 128 beyond torch's.
bool around_zero(const std::vector<uint8_t>& zero_points, const at::Tensor& scales, int64_t count);

// The bias in the steps of the sums; `scales` are those of the weights.
std::vector<int32_t> bias_steps(const at::Tensor& bias, const at::Tensor& scales, double input);

} // namespace build_runtime
