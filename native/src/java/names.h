/* What the shim knows of Java: classes and members, looked up once, and how to raise there. */
#ifndef BUILD_RUNTIME_JAVA_NAMES_H
#define BUILD_RUNTIME_JAVA_NAMES_H

#include <jni.h>
#include <stddef.h>
#include <stdint.h>

#include "build_runtime.h"

/* The kinds of org.pytorch.IValue, as it numbers them. */
enum kind_of_java {
  JAVA_NULL = 1,
  JAVA_TENSOR = 2,
  JAVA_BOOL = 3,
  JAVA_LONG = 4,
  JAVA_DOUBLE = 5,
  JAVA_STRING = 6,
  JAVA_TUPLE = 7,
  JAVA_BOOL_LIST = 8,
  JAVA_LONG_LIST = 9,
  JAVA_DOUBLE_LIST = 10,
  JAVA_TENSOR_LIST = 11,
  JAVA_LIST = 12,
  JAVA_DICT_STRING_KEY = 13,
  JAVA_DICT_LONG_KEY = 14,
  JAVA_EMPTY_LIST = 15,
  JAVA_EMPTY_DICT = 16
};

/* Values may be inside of each other to this depth: one that contains itself would never end. */
enum { DEEPEST = 64 };

struct names {
  JavaVM* vm;
  jclass value;
  jmethodID new_value;
  jmethodID entries;
  jmethodID dict_of;
  jfieldID code;
  jfieldID number;
  jfieldID data;
  jclass tensor;
  jmethodID tensor_of_native;
  jfieldID tensor_dtype;
  jfieldID tensor_shape;
  jfieldID tensor_strides;
  jfieldID tensor_data;
  jfieldID tensor_memory;
  jfieldID tensor_handle;
  jfieldID address;
  jclass library;
  jmethodID failure;
  jmethodID bytes;
  jmethodID text;
  jclass illegal_argument;
  jclass illegal_state;
  jclass out_of_memory;
};

extern struct names names;

/* False, with an exception pending, where the classes are not those this was made for. */
int find_names(JavaVM* vm, JNIEnv* env);

/* Raise what an error of the runtime is in Java, and free it. */
void raise_error(JNIEnv* env, br_status status, br_error* error);
/* Raise an exception with a text in ASCII. */
void raise_plain(JNIEnv* env, jclass type, const char* text);
/* Memory that the caller frees, also for no bytes; NULL with an exception pending. */
void* allocate(JNIEnv* env, size_t count, size_t size);
/* An array with a copy of bytes; NULL with an exception pending. */
jbyteArray new_bytes(JNIEnv* env, const void* data, size_t size);

/* Make ready for values one step deeper; 0 with an exception pending where they are too deep.
 */
int descend(JNIEnv* env, int depth);

/* Java keeps addresses as numbers. */
static inline void* pointer_of(jlong address) {
  return (void*)(intptr_t)address; /* NOLINT(performance-no-int-to-ptr) */
}

/* What a call into Java returned; NULL where it raised. */
static inline jobject checked(JNIEnv* env, jobject returned) {
  return (*env)->ExceptionCheck(env) ? NULL : returned;
}

/* Raise the error of a call into the runtime; 1 if it went well. A pointer, as a call that stands
 * among the arguments may be made after `error` was read. */
static inline int passed(JNIEnv* env, br_status status, br_error* const* error) {
  if (status != BR_OK) {
    raise_error(env, status, *error);
  }
  return status == BR_OK;
}

#endif
