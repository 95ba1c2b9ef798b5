// Pixels of android.graphics.Bitmap, read where they lie.
#pragma once

#include <jni.h>

#include "frame.h"

namespace vision {

// Whether there is anything that can read them.
#ifdef PYTORCH_VISION_BITMAPS
constexpr bool kReadsBitmaps = true;
#else
constexpr bool kReadsBitmaps = false;
#endif

// Where an area of a bitmap begins.
struct Area {
  jint x;
  jint y;
};

// Normalises the pixels of an area, which is as large as the output. Returns whether it could: not
// without jnigraphics, nor pixels of another kind than 8 bits of RGBA, nor any that let light
// through, for their colours are stored multiplied. What it wrote is then to be written again.
bool convert_bitmap(JNIEnv* env, jobject bitmap, const Area& area, const Tables& tables,
                    const Output& output);

} // namespace vision
