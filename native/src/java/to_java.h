/* Values of the runtime as values of Java. */
#ifndef BUILD_RUNTIME_JAVA_TO_JAVA_H
#define BUILD_RUNTIME_JAVA_TO_JAVA_H

#include "names.h"

/* An IValue; NULL with an exception pending. The value is freed, or belongs to a tensor of Java. */
jobject value_to_java(JNIEnv* env, br_value* value, int depth);
/* A Tensor; the same holds. */
jobject tensor_to_java(JNIEnv* env, br_value* value);
/* A Tensor with a copy in row-major order. The value stays the caller's. */
jobject packed_to_java(JNIEnv* env, const br_value* value);

#endif
