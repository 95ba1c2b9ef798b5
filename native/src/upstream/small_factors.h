// Included before ATen/native/PixelShuffle.cpp, which divides by the square of a factor: that of
// 2^32 and more overflows to 0.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/pixel_shuffle_native.h>

#include <limits>

namespace at::native {

Tensor shuffle_by_small_factor(const Tensor& self, int64_t factor);
Tensor math_shuffle_by_small_factor(const Tensor& self, int64_t factor);

inline void check_factor(int64_t factor) {
  TORCH_CHECK(factor <= std::numeric_limits<int32_t>::max(),
              "pixel_shuffle: the factor is too large");
}

Tensor pixel_shuffle_cpu(const Tensor& self, int64_t factor) {
  check_factor(factor);
  return shuffle_by_small_factor(self, factor);
}

Tensor math_pixel_shuffle(const Tensor& self, int64_t factor) {
  check_factor(factor);
  return math_shuffle_by_small_factor(self, factor);
}

} // namespace at::native

#define pixel_shuffle_cpu shuffle_by_small_factor
#define math_pixel_shuffle math_shuffle_by_small_factor
