#include "sampling.h"

namespace vision {

namespace {

struct Size {
  int32_t width;
  int32_t height;
};

// A side that is too thin for a whole pixel has one.
int32_t scaled(int32_t side, int32_t numerator, int32_t denominator) {
  const auto length = static_cast<int32_t>(static_cast<int64_t>(side) * numerator / denominator);
  return length > 0 ? length : 1;
}

Size crop_of(Size upright, const Output& output) {
  const int64_t wide = static_cast<int64_t>(upright.width) * output.height;
  const int64_t high = static_cast<int64_t>(upright.height) * output.width;
  if (high <= wide) {
    return {scaled(upright.height, output.width, output.height), upright.height};
  }
  return {upright.width, scaled(upright.width, output.height, output.width)};
}

} // namespace

Sampling sampling_of(int32_t width, int32_t height, Rotation clockwise, const Output& output) {
  const bool turned = clockwise == Rotation::kQuarter || clockwise == Rotation::kThreeQuarters;
  const Size upright = turned ? Size{height, width} : Size{width, height};
  const Size crop = crop_of(upright, output);
  // Turned by 90 degrees, the lowest row becomes the first column; by 270, the last column becomes
  // the first row.
  const bool columns_back = clockwise == Rotation::kQuarter || clockwise == Rotation::kHalf;
  const bool rows_back = clockwise == Rotation::kHalf || clockwise == Rotation::kThreeQuarters;
  return {Axis(upright.width, crop.width, output.width, columns_back),
          Axis(upright.height, crop.height, output.height, rows_back), turned};
}

} // namespace vision
