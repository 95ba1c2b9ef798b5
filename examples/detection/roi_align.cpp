// RoIAlign (He et al., "Mask R-CNN", 2017) as torchvision defines it: each region of a feature map
// is cut into bins, and each bin is the mean of bilinear samples at regular places in it.
#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>

namespace {

template <class Real>
struct Plane {
  const Real* data;
  int64_t height;
  int64_t width;

  // The value between four cells; what lies more than one cell outside is zero.
  Real at(Real y, Real x) const {
    if (!(y >= -1 && y <= Real(height) && x >= -1 && x <= Real(width))) {
      return 0;
    }
    y = std::min(std::max(y, Real(0)), Real(height - 1));
    x = std::min(std::max(x, Real(0)), Real(width - 1));
    const int64_t top = static_cast<int64_t>(y);
    const int64_t left = static_cast<int64_t>(x);
    const int64_t bottom = std::min(top + 1, height - 1);
    const int64_t right = std::min(left + 1, width - 1);
    const Real down = y - Real(top);
    const Real across = x - Real(left);
    return (1 - down) * ((1 - across) * cell(top, left) + across * cell(top, right)) +
           down * ((1 - across) * cell(bottom, left) + across * cell(bottom, right));
  }

 private:
  Real cell(int64_t row, int64_t column) const { return data[row * width + column]; }
};

// A region along one axis: where it begins, how large a bin is, and how many samples a bin has.
template <class Real>
struct Axis {
  Real begin;
  Real bin;
  int64_t samples;

  Axis(Real from, Real to, double scale, int64_t bins, int64_t sampling_ratio, bool aligned) {
    const Real shift = aligned ? Real(0.5) : Real(0);
    begin = from * Real(scale) - shift;
    Real size = to * Real(scale) - shift - begin;
    size = aligned ? size : std::max(size, Real(1));
    bin = size / Real(bins);
    samples = sampling_ratio > 0 ? sampling_ratio : static_cast<int64_t>(std::ceil(bin));
  }

  Real place(int64_t number, int64_t sample) const {
    return begin + Real(number) * bin + (Real(sample) + Real(0.5)) * bin / Real(samples);
  }
};

template <class Real>
Real mean_of_bin(const Plane<Real>& plane, const Axis<Real>& down, const Axis<Real>& across,
                 int64_t row, int64_t column) {
  Real sum = 0;
  for (int64_t i = 0; i < down.samples; ++i) {
    for (int64_t j = 0; j < across.samples; ++j) {
      sum += plane.at(down.place(row, i), across.place(column, j));
    }
  }
  return sum / Real(std::max(down.samples * across.samples, int64_t{1}));
}

// `input` is [N, C, H, W], `rois` is [K, 5] with the place in the batch, then the corners x1, y1,
// x2, y2. Returns [K, C, pooled_height, pooled_width].
at::Tensor roi_align(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                     int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio,
                     bool aligned) {
  TORCH_CHECK(input.dim() == 4, "the input must be [N, C, H, W]");
  TORCH_CHECK(rois.dim() == 2 && rois.size(1) == 5, "regions must be [K, 5]");
  TORCH_CHECK(input.scalar_type() == rois.scalar_type(), "input and regions differ in dtype");
  TORCH_CHECK(pooled_height > 0 && pooled_width > 0, "there must be bins");
  TORCH_CHECK(input.size(2) > 0 && input.size(3) > 0, "the input must have cells");
  const at::Tensor maps = input.contiguous();
  const at::Tensor regions = rois.contiguous();
  const int64_t channels = maps.size(1), height = maps.size(2), width = maps.size(3);
  at::Tensor result =
      at::empty({regions.size(0), channels, pooled_height, pooled_width}, maps.options());
  AT_DISPATCH_FLOATING_TYPES(maps.scalar_type(), "roi_align", [&] {
    const scalar_t* const cells = maps.const_data_ptr<scalar_t>();
    const scalar_t* region = regions.const_data_ptr<scalar_t>();
    scalar_t* out = result.mutable_data_ptr<scalar_t>();
    for (int64_t k = 0; k < regions.size(0); ++k, region += 5) {
      const scalar_t image = region[0];
      TORCH_CHECK(image >= 0 && image < static_cast<scalar_t>(maps.size(0)),
                  "a region is of no image of the batch");
      const Axis<scalar_t> down(region[2], region[4], spatial_scale, pooled_height, sampling_ratio,
                                aligned);
      const Axis<scalar_t> across(region[1], region[3], spatial_scale, pooled_width, sampling_ratio,
                                  aligned);
      const int64_t first = static_cast<int64_t>(image) * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const Plane<scalar_t> plane{cells + (first + c) * height * width, height, width};
        for (int64_t row = 0; row < pooled_height; ++row) {
          for (int64_t column = 0; column < pooled_width; ++column) {
            *out++ = mean_of_bin(plane, down, across, row, column);
          }
        }
      }
    }
  });
  return result;
}

} // namespace

TORCH_LIBRARY_FRAGMENT(torchvision, m) {
  m.def(
      "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
      "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor",
      roi_align);
}
