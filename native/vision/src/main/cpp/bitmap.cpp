#include "bitmap.h"

#ifdef PYTORCH_VISION_BITMAPS

#include <android/bitmap.h>

#include <cstddef>
#include <cstdint>

namespace vision {

namespace {

constexpr uint8_t kOpaque = 255;
constexpr size_t kPixel = 4;

bool holds(const AndroidBitmapInfo& info, const Area& area, const Output& output) {
  return area.x >= 0 && area.y >= 0 &&
         static_cast<int64_t>(area.x) + output.width <= static_cast<int64_t>(info.width) &&
         static_cast<int64_t>(area.y) + output.height <= static_cast<int64_t>(info.height);
}

// Writes one row, and returns what all its alpha values have in common.
uint8_t convert_row(const uint8_t* pixel, const Tables& tables, float* red, size_t channel,
                    size_t step, int32_t count) {
  uint8_t alpha = kOpaque;
  for (int32_t i = 0; i < count; i++, pixel += kPixel, red += step) {
    red[0] = tables.red[pixel[0]];
    red[channel] = tables.green[pixel[1]];
    red[2 * channel] = tables.blue[pixel[2]];
    alpha &= pixel[3];
  }
  return alpha;
}

bool convert_rows(const uint8_t* row, size_t stride, const Tables& tables, const Output& output) {
  const auto width = static_cast<size_t>(output.width);
  const bool together = output.order == Order::kChannelsLast;
  const size_t channel = together ? 1 : width * static_cast<size_t>(output.height);
  const size_t step = together ? 3 : 1;
  float* to = output.elements;
  for (int32_t y = 0; y < output.height; y++, row += stride, to += width * step) {
    if (convert_row(row, tables, to, channel, step, output.width) != kOpaque) {
      return false;
    }
  }
  return true;
}

} // namespace

bool convert_bitmap(JNIEnv* env, jobject bitmap, const Area& area, const Tables& tables,
                    const Output& output) {
  AndroidBitmapInfo info;
  void* pixels = nullptr;
  if (AndroidBitmap_getInfo(env, bitmap, &info) != ANDROID_BITMAP_RESULT_SUCCESS ||
      info.format != ANDROID_BITMAP_FORMAT_RGBA_8888 || !holds(info, area, output) ||
      AndroidBitmap_lockPixels(env, bitmap, &pixels) != ANDROID_BITMAP_RESULT_SUCCESS) {
    return false;
  }
  const size_t first = static_cast<size_t>(area.y) * info.stride + area.x * kPixel;
  const bool done =
      convert_rows(static_cast<const uint8_t*>(pixels) + first, info.stride, tables, output);
  // by hand, for a destructor would need the C++ library, which unwinds
  AndroidBitmap_unlockPixels(env, bitmap);
  return done;
}

} // namespace vision

#else

namespace vision {

bool convert_bitmap(JNIEnv* /*env*/, jobject /*bitmap*/, const Area& /*area*/,
                    const Tables& /*tables*/, const Output& /*output*/) {
  return false;
}

} // namespace vision

#endif
