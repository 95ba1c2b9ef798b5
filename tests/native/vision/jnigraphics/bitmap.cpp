// Android's library for native access to bitmaps, for the bitmaps of the tests.
#include <android/bitmap.h>

namespace {

constexpr int kBadParameter = -1;

jfieldID field(JNIEnv* env, jobject bitmap, const char* name, const char* kind) {
  return env->GetFieldID(env->GetObjectClass(bitmap), name, kind);
}

jint number(JNIEnv* env, jobject bitmap, const char* name) {
  return env->GetIntField(bitmap, field(env, bitmap, name, "I"));
}

void add_lock(JNIEnv* env, jobject bitmap, jint more) {
  env->SetIntField(bitmap, field(env, bitmap, "locks", "I"), number(env, bitmap, "locks") + more);
}

bool is_recycled(JNIEnv* env, jobject bitmap) {
  return env->GetBooleanField(bitmap, field(env, bitmap, "recycled", "Z")) == JNI_TRUE;
}

} // namespace

int AndroidBitmap_getInfo(JNIEnv* env, jobject bitmap, AndroidBitmapInfo* info) {
  info->width = static_cast<uint32_t>(number(env, bitmap, "width"));
  info->height = static_cast<uint32_t>(number(env, bitmap, "height"));
  info->stride = static_cast<uint32_t>(number(env, bitmap, "stride"));
  info->format = number(env, bitmap, "format");
  info->flags = 0;
  return ANDROID_BITMAP_RESULT_SUCCESS;
}

int AndroidBitmap_lockPixels(JNIEnv* env, jobject bitmap, void** pixels) {
  if (is_recycled(env, bitmap)) {
    return kBadParameter;
  }
  add_lock(env, bitmap, 1);
  jfieldID id = field(env, bitmap, "pixels", "Ljava/nio/ByteBuffer;");
  *pixels = env->GetDirectBufferAddress(env->GetObjectField(bitmap, id));
  return ANDROID_BITMAP_RESULT_SUCCESS;
}

int AndroidBitmap_unlockPixels(JNIEnv* env, jobject bitmap) {
  add_lock(env, bitmap, -1);
  return ANDROID_BITMAP_RESULT_SUCCESS;
}
