#include "names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct names names;

static int find_class(JNIEnv* env, const char* name, jclass* found) {
  jclass local = (*env)->FindClass(env, name);
  if (local == NULL) {
    return 0;
  }
  *found = (*env)->NewGlobalRef(env, local);
  (*env)->DeleteLocalRef(env, local);
  return *found != NULL;
}

static int find_field(JNIEnv* env, jclass type, const char* name, const char* kind, jfieldID* id) {
  *id = (*env)->GetFieldID(env, type, name, kind);
  return *id != NULL;
}

static int find_method(JNIEnv* env, jclass type, const char* name, const char* kind,
                       jmethodID* id) {
  *id = (*env)->GetMethodID(env, type, name, kind);
  return *id != NULL;
}

static int find_static(JNIEnv* env, jclass type, const char* name, const char* kind,
                       jmethodID* id) {
  *id = (*env)->GetStaticMethodID(env, type, name, kind);
  return *id != NULL;
}

static int find_value(JNIEnv* env) {
  return find_class(env, "org/pytorch/IValue", &names.value) &&
         find_method(env, names.value, "<init>", "(IJLjava/lang/Object;)V", &names.new_value) &&
         find_method(env, names.value, "entries", "()[Lorg/pytorch/IValue;", &names.entries) &&
         find_static(env, names.value, "dictOf",
                     "([Lorg/pytorch/IValue;[Lorg/pytorch/IValue;)Lorg/pytorch/IValue;",
                     &names.dict_of) &&
         find_field(env, names.value, "code", "I", &names.code) &&
         find_field(env, names.value, "number", "J", &names.number) &&
         find_field(env, names.value, "data", "Ljava/lang/Object;", &names.data);
}

static int find_tensor(JNIEnv* env) {
  return find_class(env, "org/pytorch/Tensor", &names.tensor) &&
         find_static(env, names.tensor, "ofNative",
                     "(Ljava/nio/ByteBuffer;[J[JIJ)Lorg/pytorch/Tensor;",
                     &names.tensor_of_native) &&
         find_field(env, names.tensor, "dtypeCode", "I", &names.tensor_dtype) &&
         find_field(env, names.tensor, "shape", "[J", &names.tensor_shape) &&
         find_field(env, names.tensor, "strides", "[J", &names.tensor_strides) &&
         find_field(env, names.tensor, "data", "Ljava/nio/Buffer;", &names.tensor_data) &&
         find_field(env, names.tensor, "memory", "Ljava/nio/ByteBuffer;", &names.tensor_memory) &&
         find_field(env, names.tensor, "handle", "Lorg/pytorch/NativeHandle;",
                    &names.tensor_handle);
}

static int find_handle(JNIEnv* env) {
  jclass handle = (*env)->FindClass(env, "org/pytorch/NativeHandle");
  int found = handle != NULL && find_field(env, handle, "address", "J", &names.address);
  (*env)->DeleteLocalRef(env, handle);
  return found;
}

static int find_library(JNIEnv* env) {
  return find_class(env, "org/pytorch/NativeLibrary", &names.library) &&
         find_static(env, names.library, "failure", "(I[B[B)Ljava/lang/RuntimeException;",
                     &names.failure) &&
         find_static(env, names.library, "bytes", "(Ljava/lang/String;)[B", &names.bytes) &&
         find_static(env, names.library, "text", "([B)Ljava/lang/String;", &names.text);
}

int find_names(JavaVM* vm, JNIEnv* env) {
  names.vm = vm;
  return find_class(env, "java/lang/IllegalArgumentException", &names.illegal_argument) &&
         find_class(env, "java/lang/IllegalStateException", &names.illegal_state) &&
         find_class(env, "java/lang/OutOfMemoryError", &names.out_of_memory) && find_value(env) &&
         find_tensor(env) && find_handle(env) && find_library(env);
}

void raise_plain(JNIEnv* env, jclass type, const char* text) {
  (*env)->ThrowNew(env, type, text);
}

int descend(JNIEnv* env, int depth) {
  enum { REFERENCES = 8 }; /* as many as one step holds at a time */
  if (depth > DEEPEST) {
    raise_plain(env, names.illegal_argument, "Values are inside of each other too deeply");
    return 0;
  }
  return (*env)->PushLocalFrame(env, REFERENCES) == JNI_OK;
}

void* allocate(JNIEnv* env, size_t count, size_t size) {
  void* memory = calloc(count > 0 ? count : 1, size);
  if (memory == NULL) {
    raise_plain(env, names.out_of_memory, "no native memory for a value");
  }
  return memory;
}

jbyteArray new_bytes(JNIEnv* env, const void* data, size_t size) {
  if (size > INT32_MAX) {
    raise_plain(env, names.illegal_argument, "a text or file is too large for Java");
    return NULL;
  }
  jbyteArray bytes = (*env)->NewByteArray(env, (jsize)size);
  if (bytes != NULL) {
    (*env)->SetByteArrayRegion(env, bytes, 0, (jsize)size, data);
  }
  return bytes;
}

void raise_error(JNIEnv* env, br_status status, br_error* error) {
  const char* message = br_error_message(error);
  const char* python_class = br_error_python_class(error);
  jbyteArray text = new_bytes(env, message, strlen(message));
  jbyteArray type = text == NULL ? NULL : new_bytes(env, python_class, strlen(python_class));
  br_error_free(error);
  if (type != NULL) {
    jobject failure = checked(env, (*env)->CallStaticObjectMethod(env, names.library, names.failure,
                                                                  (jint)status, text, type));
    if (failure != NULL) {
      (*env)->Throw(env, failure);
    }
  }
}
