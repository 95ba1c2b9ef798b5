// at::native::structured_upsample_bilinear2d_out_cpu::impl of float images: what of the input a
// pixel is made of is found once for each row and column, not for each pixel. Other dtypes are left
// to upstream's kernel. See Note [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/xnnpack.h"

#include <ATen/Parallel.h>
#include <ATen/native/UpSample.h>
#include <ATen/ops/upsample_bilinear2d_native.h>

#include <cstdint>
#include <vector>

namespace build_runtime {
namespace {

// Numbers that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 14;

// Two neighbours of the input along the height, or the width, and what each counts.
struct Pair {
  int64_t first;
  int64_t second;
  float of_first;
  float of_second;
};

std::vector<Pair> pairs_along(int64_t given, int64_t made, bool align_corners,
                              std::optional<double> scale) {
  const auto ratio = at::native::area_pixel_compute_scale<float>(given, made, align_corners, scale);
  std::vector<Pair> pairs(static_cast<size_t>(made));
  for (int64_t i = 0; i < made; ++i) {
    Pair& it = pairs[static_cast<size_t>(i)];
    at::native::compute_source_index_and_lambda(it.first, it.second, it.of_first, it.of_second,
                                                ratio, i, given, made, align_corners);
  }
  return pairs;
}

struct Resizing {
  std::vector<Pair> down;
  std::vector<Pair> across;
  int64_t given_height;
  int64_t given_width;

  int64_t height() const { return static_cast<int64_t>(down.size()); }
  int64_t width() const { return static_cast<int64_t>(across.size()); }
};

// Planes of the result from `begin` to `end`.
void resize_planes(const Resizing& it, const float* from, float* to, int64_t begin, int64_t end) {
  std::vector<float> row(static_cast<size_t>(it.given_width));
  to += begin * it.height() * it.width();
  for (int64_t plane = begin; plane < end; ++plane) {
    const float* pixels = from + plane * it.given_height * it.given_width;
    for (const Pair& y : it.down) {
      const float* above = pixels + y.first * it.given_width;
      const float* below = pixels + y.second * it.given_width;
      for (int64_t x = 0; x < it.given_width; ++x) {
        row[x] = y.of_first * above[x] + y.of_second * below[x];
      }
      for (const Pair& x : it.across) {
        *to++ = x.of_first * row[x.first] + x.of_second * row[x.second];
      }
    }
  }
}

// Rows of the result from `begin` to `end`, numbered over all images, whose channels are last.
void resize_rows(const Resizing& it, const float* from, float* to, int64_t channels, int64_t begin,
                 int64_t end) {
  to += begin * it.width() * channels;
  const int64_t stride = it.given_width * channels;
  for (int64_t number = begin; number < end; ++number) {
    const Pair& y = it.down[number % it.height()];
    const float* image = from + number / it.height() * it.given_height * stride;
    for (const Pair& x : it.across) {
      const float* above = image + y.first * stride;
      const float* below = image + y.second * stride;
      const int64_t first = x.first * channels;
      const int64_t second = x.second * channels;
      for (int64_t c = 0; c < channels; ++c) {
        to[c] = y.of_first * (x.of_first * above[first + c] + x.of_second * above[second + c]) +
                y.of_second * (x.of_first * below[first + c] + x.of_second * below[second + c]);
      }
      to += channels;
    }
  }
}

// Where a pixel comes from has to be an integer: upstream would read anywhere else.
void check_scale(std::optional<double> scale, int64_t made) {
  constexpr double kFarthest = 0x1p62;
  if (scale.value_or(0.0) > 0.0 && static_cast<double>(made) / *scale > kFarthest) {
    fail_kernel("an image is resized by a scale that is nearly 0");
  }
}

bool is_plain(const at::Tensor& image) {
  return image.scalar_type() == at::kFloat && image.layout() == at::kStrided && !image.is_neg() &&
         image.numel() > 0;
}

} // namespace
} // namespace build_runtime

namespace at::native {

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): upstream declares it
void structured_upsample_bilinear2d_out_cpu::impl(
    const at::Tensor& self, at::ArrayRef<int64_t> /*output_size*/, bool align_corners,
    std::optional<double> scales_h, std::optional<double> scales_w, const at::Tensor& out) {
  using namespace build_runtime;
  constexpr auto kLast = at::MemoryFormat::ChannelsLast;
  if (!align_corners) { // which leaves scales out of account
    check_scale(scales_h, out.size(2));
    check_scale(scales_w, out.size(3));
  }
  const bool last = out.is_contiguous(kLast) && !out.is_contiguous();
  if (!is_plain(self) || !is_plain(out) || !(last || out.is_contiguous())) {
    upsample_bilinear2d_kernel(at::kCPU, out, self, align_corners, scales_h, scales_w);
    return;
  }
  const at::Tensor input = self.contiguous(last ? kLast : at::MemoryFormat::Contiguous);
  const Resizing resizing{pairs_along(input.size(2), out.size(2), align_corners, scales_h),
                          pairs_along(input.size(3), out.size(3), align_corners, scales_w),
                          input.size(2), input.size(3)};
  const auto* from = input.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr<float>();
  const int64_t rows = last ? out.size(0) * out.size(2) : out.size(0) * out.size(1);
  at::parallel_for(0, rows, kGrain / (out.numel() / rows) + 1, [&](int64_t begin, int64_t end) {
    if (last) {
      resize_rows(resizing, from, to, out.size(1), begin, end);
    } else {
      resize_planes(resizing, from, to, begin, end);
    }
  });
}

} // namespace at::native
