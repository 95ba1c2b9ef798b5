// libpytorch_vision_jni.so: the native functions of org.pytorch.torchvision.
//
// Java has checked that all samples and all elements are there, and that numbers mean something. No
// function of a C++ library is called, so that none has to be shipped.
#include <jni.h>

#include <cstddef>
#include <cstdint>

#include "bitmap.h"
#include "conversion.h"

namespace {

using vision::Frame;
using vision::Order;
using vision::Output;
using vision::Rotation;
using vision::Tables;

constexpr jsize kTableLength = sizeof(Tables) / sizeof(jfloat);

// The numbers of a frame, as `Frame.layout` of Java has them.
struct Layout {
  jint width;
  jint height;
  jint y_row_stride;
  jint y_pixel_stride;
  jint u_row_stride;
  jint u_pixel_stride;
  jint v_row_stride;
  jint v_pixel_stride;
};

// The numbers of what is written, as `Target.layout` of Java has them.
struct Target {
  jint offset;
  jint width;
  jint height;
  jint order;
};

// Copies numbers of Java into a struct of as many.
template <typename Struct>
Struct struct_of(JNIEnv* env, jintArray numbers) {
  Struct copy{};
  env->GetIntArrayRegion(numbers, 0, sizeof(Struct) / sizeof(jint), reinterpret_cast<jint*>(&copy));
  return copy;
}

Tables tables_of(JNIEnv* env, jfloatArray numbers) {
  Tables tables;
  env->GetFloatArrayRegion(numbers, 0, kTableLength, reinterpret_cast<jfloat*>(&tables));
  return tables;
}

Output output_of(JNIEnv* env, jobject buffer, jintArray numbers) {
  const auto target = struct_of<Target>(env, numbers);
  auto* elements = static_cast<float*>(env->GetDirectBufferAddress(buffer));
  return {elements + target.offset, target.width, target.height, static_cast<Order>(target.order)};
}

const uint8_t* samples_of(JNIEnv* env, jobject buffer) {
  return static_cast<const uint8_t*>(env->GetDirectBufferAddress(buffer));
}

Frame frame_of(const Layout& it, const uint8_t* y, const uint8_t* u, const uint8_t* v) {
  return {{y, it.y_row_stride, it.y_pixel_stride},
          {u, it.u_row_stride, it.u_pixel_stride},
          {v, it.v_row_stride, it.v_pixel_stride},
          it.width,
          it.height};
}

void convert_planes(JNIEnv* env, jclass /*type*/, jobject y, jobject u, jobject v, jintArray layout,
                    jint clockwise, jfloatArray tables, jobject buffer, jintArray target) {
  const Frame frame = frame_of(struct_of<Layout>(env, layout), samples_of(env, y),
                               samples_of(env, u), samples_of(env, v));
  vision::convert(frame, static_cast<Rotation>(clockwise), tables_of(env, tables),
                  output_of(env, buffer, target));
}

void convert_bytes(JNIEnv* env, jclass /*type*/, jbyteArray bytes, jint u_offset, jint v_offset,
                   jintArray layout, jint clockwise, jfloatArray tables, jobject buffer,
                   jintArray target) {
  const auto numbers = struct_of<Layout>(env, layout);
  const Tables values = tables_of(env, tables);
  const Output output = output_of(env, buffer, target);
  // The collector waits for what follows, which takes less time than a copy of the frame.
  void* samples = env->GetPrimitiveArrayCritical(bytes, nullptr);
  if (samples == nullptr) {
    return; // with an OutOfMemoryError
  }
  const auto* y = static_cast<const uint8_t*>(samples);
  vision::convert(frame_of(numbers, y, y + u_offset, y + v_offset),
                  static_cast<Rotation>(clockwise), values, output);
  env->ReleasePrimitiveArrayCritical(bytes, samples, JNI_ABORT); // nothing to write back
}

jboolean is_aligned(JNIEnv* env, jclass /*type*/, jobject buffer) {
  const auto address = reinterpret_cast<uintptr_t>(env->GetDirectBufferAddress(buffer));
  return address % alignof(float) == 0 ? JNI_TRUE : JNI_FALSE;
}

jboolean reads_bitmaps(JNIEnv* /*env*/, jclass /*type*/) {
  return vision::kReadsBitmaps ? JNI_TRUE : JNI_FALSE;
}

jboolean convert_bitmap(JNIEnv* env, jclass /*type*/, jobject bitmap, jint x, jint y,
                        jfloatArray tables, jobject buffer, jintArray target) {
  const bool done = vision::convert_bitmap(env, bitmap, {x, y}, tables_of(env, tables),
                                           output_of(env, buffer, target));
  return done ? JNI_TRUE : JNI_FALSE;
}

template <typename Function>
JNINativeMethod native(const char* name, const char* kind, Function* function) {
  // texts of a JDK's header are not const, those of an NDK's are
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  return {const_cast<char*>(name), const_cast<char*>(kind), reinterpret_cast<void*>(function)};
}

jint register_natives(JNIEnv* env) {
  jclass type = env->FindClass("org/pytorch/torchvision/NativeVision");
  if (type == nullptr) {
    return JNI_ERR;
  }
  const JNINativeMethod methods[] = {
      native("convertPlanes",
             "(Ljava/nio/ByteBuffer;Ljava/nio/ByteBuffer;Ljava/nio/ByteBuffer;[II[F"
             "Ljava/nio/FloatBuffer;[I)V",
             convert_planes),
      native("convertBytes", "([BII[II[FLjava/nio/FloatBuffer;[I)V", convert_bytes),
      native("isAligned", "(Ljava/nio/FloatBuffer;)Z", is_aligned),
      native("readsBitmaps", "()Z", reads_bitmaps),
      native("convertBitmap", "(Landroid/graphics/Bitmap;II[FLjava/nio/FloatBuffer;[I)Z",
             convert_bitmap),
  };
  return env->RegisterNatives(type, methods, sizeof methods / sizeof methods[0]);
}

} // namespace

extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* machine, void* /*reserved*/) {
  void* env = nullptr;
  if (machine->GetEnv(&env, JNI_VERSION_1_6) != JNI_OK ||
      register_natives(static_cast<JNIEnv*>(env)) != JNI_OK) {
    return JNI_ERR;
  }
  return JNI_VERSION_1_6;
}
