// at::native::max_pool2d of float images. Upstream notes for each result where it came from, too,
// and throws that away: that is what all others get. See Note [Replacements] in
// builder/libtorch/closure/replacements.py.
#include "kernels/lanes.h"

#include <ATen/Parallel.h>
#include <ATen/native/Pool.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_pool2d_native.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/mkldnn_max_pool2d.h>
#include <ATen/ops/quantized_max_pool2d.h>
#include <c10/util/bit_cast.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

namespace build_runtime {
namespace {

// Numbers that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 14;

constexpr float kLeast = -std::numeric_limits<float>::infinity();

// How windows move along the height, or the width.
struct Windows {
  int64_t size;
  int64_t stride;
  int64_t padding;
  int64_t dilation;
  int64_t given;
  int64_t made;
};

// The first and the end of what a window has of the image.
std::pair<int64_t, int64_t> within(const Windows& windows, int64_t number) {
  const int64_t begin = number * windows.stride - windows.padding;
  const int64_t end = begin + (windows.size - 1) * windows.dilation + 1;
  const int64_t outside = begin < 0 ? (-begin + windows.dilation - 1) / windows.dilation : 0;
  return {begin + outside * windows.dilation, std::min(end, windows.given)};
}

int64_t at_or(at::IntArrayRef values, size_t index) {
  return values.size() == 1 ? values[0] : values[index];
}

Windows windows_along(const at::Tensor& input, size_t index, at::IntArrayRef kernel,
                      at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
                      bool up) {
  Windows it{};
  it.size = at_or(kernel, index);
  it.stride = at_or(stride.empty() ? kernel : stride, index);
  it.padding = at_or(padding, index);
  it.dilation = at_or(dilation, index);
  it.given = input.size(static_cast<int64_t>(index) + 2);
  it.made = at::native::pooling_output_shape<int64_t>(it.given, it.size, it.padding, it.stride,
                                                      it.dilation, up);
  return it;
}

// A number that is none wins, as in torch.
template <typename Value>
Value larger(Value value, Value most) {
  return value > most || std::isnan(value) ? value : most;
}

template <>
Lanes larger(Lanes value, Lanes most) {
  return ((value > most) | ~(value <= -kLeast)) ? value : most;
}

template <typename Value>
void pool_channels(const float* image, int64_t channels, const std::pair<int64_t, int64_t>& rows,
                   const std::pair<int64_t, int64_t>& columns, const Windows& down,
                   const Windows& across, float* to) {
  Value most = Value{} + kLeast;
  for (int64_t row = rows.first; row < rows.second; row += down.dilation) {
    for (int64_t column = columns.first; column < columns.second; column += across.dilation) {
      Value value;
      std::memcpy(&value, image + (row * across.given + column) * channels, sizeof(value));
      most = larger<Value>(value, most);
    }
  }
  std::memcpy(to, &most, sizeof(most));
}

// The largest of the rows of a window, for each column of the image.
void pool_rows(const float* plane, const std::pair<int64_t, int64_t>& rows, int64_t dilation,
               int64_t width, float* to) {
  for (int64_t first = 0; first < width; first += kLanes) {
    const int64_t here = std::min(kLanes, width - first);
    Lanes most = Lanes{} + kLeast;
    for (int64_t row = rows.first; row < rows.second; row += dilation) {
      most = larger<Lanes>(load(plane + row * width + first, here), most);
    }
    store(most, to + first, here);
  }
}

// Whether columns have different zeros, or different values that are no number, as their highest.
// The order of rows decides then; all other numbers that are equal have the same bits.
bool is_ambiguous(const float* highest, const std::pair<int64_t, int64_t>& columns,
                  int64_t dilation, float most) {
  bool differs = false;
  for (int64_t column = columns.first; column < columns.second; column += dilation) {
    const float value = highest[column];
    differs |= (value == most || std::isnan(value)) &&
               c10::bit_cast<uint32_t>(value) != c10::bit_cast<uint32_t>(most);
  }
  return differs;
}

// The highest of a window, in upstream's order: row by row.
float highest_of(const float* plane, const std::pair<int64_t, int64_t>& rows, int64_t down,
                 const std::pair<int64_t, int64_t>& columns, int64_t across, int64_t width) {
  float most = kLeast;
  for (int64_t row = rows.first; row < rows.second; row += down) {
    for (int64_t column = columns.first; column < columns.second; column += across) {
      most = larger<float>(plane[row * width + column], most);
    }
  }
  return most;
}

// Rows of results from `begin` to `end`, numbered over all planes of images whose channels are not
// last.
void pool_planes(const float* from, float* to, const Windows& down, const Windows& across,
                 int64_t begin, int64_t end) {
  std::vector<std::pair<int64_t, int64_t>> windows;
  windows.reserve(static_cast<size_t>(across.made));
  for (int64_t column = 0; column < across.made; ++column) {
    windows.push_back(within(across, column));
  }
  std::vector<float> highest(static_cast<size_t>(across.given));
  float* results = to + begin * across.made;
  for (int64_t row = begin; row < end; ++row) {
    const float* plane = from + row / down.made * down.given * across.given;
    const auto rows = within(down, row % down.made);
    pool_rows(plane, rows, down.dilation, across.given, highest.data());
    for (const auto& columns : windows) {
      float most = kLeast;
      for (int64_t column = columns.first; column < columns.second; column += across.dilation) {
        most = larger<float>(highest[column], most);
      }
      if (!(std::abs(most) > 0.0F) &&
          is_ambiguous(highest.data(), columns, across.dilation, most)) {
        most = highest_of(plane, rows, down.dilation, columns, across.dilation, across.given);
      }
      *results++ = most;
    }
  }
}

// Results from `begin` to `end`, numbered over all images.
void pool(const float* from, float* to, int64_t channels, const Windows& down,
          const Windows& across, int64_t begin, int64_t end) {
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const int64_t image = pixel / (down.made * across.made);
    const auto rows = within(down, pixel / across.made % down.made);
    const auto columns = within(across, pixel % across.made);
    const float* pixels = from + image * down.given * across.given * channels;
    float* results = to + pixel * channels;
    int64_t channel = 0;
    for (; channel + kLanes <= channels; channel += kLanes) {
      pool_channels<Lanes>(pixels + channel, channels, rows, columns, down, across,
                           results + channel);
    }
    for (; channel < channels; ++channel) {
      pool_channels<float>(pixels + channel, channels, rows, columns, down, across,
                           results + channel);
    }
  }
}

bool is_pair(at::IntArrayRef values) {
  constexpr int64_t kMost = std::numeric_limits<int>::max(); // as upstream has them
  return (values.size() == 1 || values.size() == 2) &&
         std::all_of(values.begin(), values.end(),
                     [](int64_t it) { return it >= 0 && it <= kMost; });
}

// Whether the result is what `pool` makes; upstream has the words for what cannot be.
bool suits(const at::Tensor& input, at::IntArrayRef kernel, at::IntArrayRef stride,
           at::IntArrayRef padding, at::IntArrayRef dilation) {
  return input.scalar_type() == at::kFloat && input.layout() == at::kStrided && input.dim() == 4 &&
         input.numel() > 0 && input.is_contiguous(input.suggest_memory_format()) &&
         !input.is_neg() && is_pair(kernel) && is_pair(padding) && is_pair(dilation) &&
         (stride.empty() || is_pair(stride)) &&
         std::min(at_or(stride.empty() ? kernel : stride, 0),
                  at_or(stride.empty() ? kernel : stride, 1)) > 0;
}

at::Tensor pooled(const at::Tensor& input, const Windows& down, const Windows& across) {
  const auto format = input.suggest_memory_format();
  at::native::pool2d_shape_check(input, down.size, across.size, down.stride, across.stride,
                                 down.padding, across.padding, down.dilation, across.dilation,
                                 input.size(1), down.given, across.given, down.made, across.made,
                                 format);
  at::Tensor made = at::empty({input.size(0), input.size(1), down.made, across.made},
                              input.options().memory_format(format));
  const int64_t channels = input.size(1);
  const auto* from = input.const_data_ptr<float>();
  auto* to = made.mutable_data_ptr<float>();
  if (format == at::MemoryFormat::ChannelsLast) {
    at::parallel_for(
        0, made.numel() / channels, kGrain / channels + 1,
        [&](int64_t begin, int64_t end) { pool(from, to, channels, down, across, begin, end); });
  } else {
    at::parallel_for(
        0, made.numel() / across.made, kGrain / across.given + 1,
        [&](int64_t begin, int64_t end) { pool_planes(from, to, down, across, begin, end); });
  }
  return made;
}

} // namespace
} // namespace build_runtime

namespace at::native {

at::Tensor max_pool2d(const at::Tensor& self, at::IntArrayRef kernel_size, at::IntArrayRef stride,
                      at::IntArrayRef padding, at::IntArrayRef dilation, bool ceil_mode) {
  using namespace build_runtime;
  if (self.is_quantized()) {
    return at::quantized_max_pool2d(self, kernel_size, stride, padding, dilation, ceil_mode);
  }
  if (self.is_mkldnn()) {
    return at::mkldnn_max_pool2d(self, kernel_size, stride, padding, dilation, ceil_mode);
  }
  if (suits(self, kernel_size, stride, padding, dilation)) {
    const auto along = [&](size_t index) {
      return windows_along(self, index, kernel_size, stride, padding, dilation, ceil_mode);
    };
    return pooled(self, along(0), along(1));
  }
  return std::get<0>(
      at::max_pool2d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode));
}

} // namespace at::native
