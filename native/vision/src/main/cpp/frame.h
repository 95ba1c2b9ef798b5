// What is known of a frame of a camera, and of the tensor that is made of it.
#pragma once

#include <cstdint>

namespace vision {

// Samples of one component. Strides are distances in bytes between rows and between columns.
struct Plane {
  const uint8_t* samples;
  int32_t row_stride;
  int32_t pixel_stride;
};

// Y has a sample for each pixel; U and V have one for each square of two by two.
struct Frame {
  Plane y;
  Plane u;
  Plane v;
  int32_t width;
  int32_t height;
};

enum class Rotation : int32_t { kNone = 0, kQuarter = 90, kHalf = 180, kThreeQuarters = 270 };

enum class Order : int32_t { kContiguous = 1, kChannelsLast = 2 };

// What each value from 0 to 255 of red, green and blue becomes.
struct Tables {
  float red[256];
  float green[256];
  float blue[256];
};

// Three channels of `width` by `height` elements.
struct Output {
  float* elements;
  int32_t width;
  int32_t height;
  Order order;
};

} // namespace vision
