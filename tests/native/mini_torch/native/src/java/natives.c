/* A library under the classes for Java that loads, and finds the runtime beside it. */
#include <jni.h>

#include "build_runtime.h"

JNIEXPORT jint JNI_OnLoad(JavaVM* vm, void* reserved) {
  (void)vm;
  (void)reserved;
  return br_manifest_json() == NULL ? JNI_ERR : JNI_VERSION_1_6;
}
