// Normalising floats, several at a time: what layer_norm and group_norm have in common.
#pragma once

#include "kernels/lanes.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

namespace build_runtime {

struct Moments {
  float mean;
  float rstd; // 1 / standard deviation
};

// Adds up what a function makes of each number.
template <class Function>
double sum_of(const float* numbers, int64_t count, const Function& function) {
  // So many are added up as floats; their sums are added up as doubles.
  constexpr int64_t kChunk = 64 * kLanes;
  double sum = 0.0;
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t end = std::min(count, begin + kChunk);
    Lanes sums = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      sums += function(load(numbers + i, kLanes));
    }
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      sum += sums[lane];
    }
    for (; i < end; ++i) {
      sum += function(numbers[i]);
    }
  }
  return sum;
}

// Numbers are taken relative to the first one: they may be far from 0, and near to each other. From
// infinity there is no distance.
inline Moments moments_of(const float* numbers, int64_t count, double eps) {
  const auto size = static_cast<double>(count);
  const float first = std::isfinite(numbers[0]) ? numbers[0] : 0.0F;
  const double beyond = sum_of(numbers, count, [first](auto x) { return x - first; }) / size;
  const auto mean = static_cast<float>(first + beyond);
  const auto square = [mean](auto x) { return (x - mean) * (x - mean); };
  const double variance = sum_of(numbers, count, square) / size;
  return {mean, static_cast<float>(1.0 / std::sqrt(variance + eps))};
}

// What each number is multiplied by, and what is added then; null where there is nothing.
struct Affine {
  const float* scale;
  const float* shift;

  Affine(const at::Tensor& weight, const at::Tensor& bias)
      : scale(weight.defined() ? weight.const_data_ptr<float>() : nullptr),
        shift(bias.defined() ? bias.const_data_ptr<float>() : nullptr) {}
};

// The result, and the mean and the reciprocal deviation of each row or group.
struct Normalised {
  at::Tensor made;
  at::Tensor mean;
  at::Tensor rstd;

  void note(int64_t number, const Moments& moments) const {
    mean.mutable_data_ptr<float>()[number] = moments.mean;
    rstd.mutable_data_ptr<float>()[number] = moments.rstd;
  }
};

inline bool is_float_or_none(const at::Tensor& tensor) {
  return !tensor.defined() || tensor.scalar_type() == at::kFloat;
}

inline bool are_floats(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  return input.numel() > 0 && input.scalar_type() == at::kFloat && is_float_or_none(weight) &&
         is_float_or_none(bias);
}

// How many rows of a width are worth waking a thread for.
inline int64_t rows_for_a_thread(int64_t width) {
  return std::max<int64_t>(1, (1 << 14) / width);
}

// Of a tensor that may be none.
inline at::Tensor contiguous(const std::optional<at::Tensor>& tensor) {
  return tensor.has_value() && tensor->defined() ? tensor->contiguous() : at::Tensor();
}

} // namespace build_runtime
