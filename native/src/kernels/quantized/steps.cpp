#include "kernels/quantized/steps.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace build_runtime {
namespace {

// Bytes that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 18;

constexpr uint8_t kSign = 0x80;

void flip_part(const uint8_t* from, uint8_t* to, int64_t count) {
  // `to` may be `from`, which keeps compilers from vectors unless they are told that it does no
  // harm
#pragma clang loop vectorize(assume_safety) interleave_count(4)
  for (int64_t i = 0; i < count; ++i) {
    to[i] = from[i] ^ kSign;
  }
}

} // namespace

void flip(const uint8_t* from, uint8_t* to, int64_t count) {
  at::parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) {
    flip_part(from + begin, to + begin, end - begin);
  });
}

at::Tensor signed_steps(const at::Tensor& tensor) {
  at::Tensor copy = at::empty({tensor.numel()}, at::TensorOptions().dtype(at::kByte));
  flip(static_cast<const uint8_t*>(tensor.const_data_ptr()), copy.mutable_data_ptr<uint8_t>(),
       tensor.numel());
  return copy;
}

bool around_zero(const std::vector<uint8_t>& zero_points, const at::Tensor& scales, int64_t count) {
  const auto* scale = scales.const_data_ptr<float>();
  return static_cast<int64_t>(zero_points.size()) >= count && scales.numel() >= count &&
         std::all_of(zero_points.begin(), zero_points.begin() + count,
                     [](uint8_t it) { return it == kMiddle; }) &&
         std::all_of(scale, scale + count, [](float it) { return it > 0 && std::isnormal(it); });
}

std::vector<int32_t> bias_steps(const at::Tensor& bias, const at::Tensor& scales, double input) {
  constexpr auto kLeast = static_cast<double>(std::numeric_limits<int32_t>::min());
  constexpr auto kMost = static_cast<double>(std::numeric_limits<int32_t>::max());
  std::vector<int32_t> steps(static_cast<size_t>(bias.numel()));
  const auto* values = bias.const_data_ptr<float>();
  const auto* scale = scales.const_data_ptr<float>();
  for (size_t i = 0; i < steps.size(); ++i) {
    const double made = std::nearbyint(values[i] / (input * scale[i]));
    steps[i] = std::isnan(made) ? 0 : static_cast<int32_t>(std::clamp(made, kLeast, kMost));
  }
  return steps;
}

} // namespace build_runtime
