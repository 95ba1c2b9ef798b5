/* libpytorch_jni_lite.so: the native functions of org.pytorch, on top of build_runtime.h alone. */
#include <stdint.h>
#include <stdlib.h>

#include "from_java.h"
#include "names.h"
#include "to_java.h"

static br_module* module_at(jlong address) {
  return pointer_of(address);
}

static jlong address_of(JNIEnv* env, br_status status, br_module* module, br_error* error) {
  return passed(env, status, &error) ? (jlong)(intptr_t)module : 0;
}

/* A text of Java's with a zero behind it, which the caller frees; NULL with an exception pending.
 */
static char* text_of(JNIEnv* env, jbyteArray bytes) {
  jsize size = (*env)->GetArrayLength(env, bytes);
  char* text = allocate(env, (size_t)size + 1, 1);
  if (text != NULL) {
    (*env)->GetByteArrayRegion(env, bytes, 0, size, (jbyte*)text);
  }
  return text;
}

static jlong load_file(JNIEnv* env, jclass type, jbyteArray path) {
  (void)type;
  br_module* module = NULL;
  br_error* error = NULL;
  char* text = text_of(env, path);
  if (text == NULL) {
    return 0;
  }
  br_status status = br_module_load_file(text, &module, &error);
  free(text);
  return address_of(env, status, module, error);
}

static jlong load_bytes(JNIEnv* env, jclass type, jbyteArray model) {
  (void)type;
  br_module* module = NULL;
  br_error* error = NULL;
  jbyte* data = (*env)->GetByteArrayElements(env, model, NULL);
  if (data == NULL) {
    return 0;
  }
  size_t size = (size_t)(*env)->GetArrayLength(env, model);
  br_status status = br_module_load_memory(data, size, &module, &error);
  (*env)->ReleaseByteArrayElements(env, model, data, JNI_ABORT); /* nothing to write back */
  return address_of(env, status, module, error);
}

static jlong load_buffer(JNIEnv* env, jclass type, jobject model, jint offset, jint size) {
  (void)type;
  br_module* module = NULL;
  br_error* error = NULL;
  const char* data = (*env)->GetDirectBufferAddress(env, model);
  br_status status = data == NULL
                         ? br_module_load_memory("", 0, &module, &error)
                         : br_module_load_memory(data + offset, (size_t)size, &module, &error);
  return address_of(env, status, module, error);
}

static void free_module(JNIEnv* env, jclass type, jlong module) {
  (void)env;
  (void)type;
  br_module_free(module_at(module));
}

static jbyteArray extra_file(JNIEnv* env, jclass type, jlong module, jbyteArray name) {
  (void)type;
  const void* data = NULL;
  size_t size = 0;
  br_error* error = NULL;
  char* text = text_of(env, name);
  if (text == NULL) {
    return NULL;
  }
  br_status status = br_module_extra_file(module_at(module), text, &data, &size, &error);
  free(text);
  if (status == BR_NOT_FOUND) {
    br_error_free(error);
    return NULL;
  }
  return passed(env, status, &error) ? new_bytes(env, data, size) : NULL;
}

static jobject run(JNIEnv* env, jclass type, jlong module, jbyteArray method, jobjectArray inputs) {
  (void)type;
  struct values arguments;
  br_value* result = NULL;
  br_error* error = NULL;
  char* name = method == NULL ? NULL : text_of(env, method);
  if (method != NULL && name == NULL) {
    return NULL;
  }
  if (!values_from_java(env, inputs, 0, &arguments)) {
    free(name);
    return NULL;
  }
  br_status status =
      br_module_run(module_at(module), name == NULL ? "forward" : name,
                    (const br_value* const*)arguments.items, arguments.count, &result, &error);
  free_values(&arguments);
  free(name);
  return passed(env, status, &error) ? value_to_java(env, result, 0) : NULL;
}

static void free_value(JNIEnv* env, jclass type, jlong value) {
  (void)env;
  (void)type;
  br_value_free(pointer_of(value));
}

static jobject packed(JNIEnv* env, jclass type, jobject tensor) {
  (void)type;
  br_value* value = NULL;
  if (!tensor_from_java(env, tensor, &value)) {
    return NULL;
  }
  jobject made = packed_to_java(env, value);
  br_value_free(value);
  return made;
}

static void set_thread_count(JNIEnv* env, jclass type, jint count) {
  (void)type;
  br_error* error = NULL;
  (void)passed(env, br_set_thread_count(count, &error), &error);
}

static const JNINativeMethod natives[] = {
    {"loadFile", "([B)J", (void*)load_file},
    {"loadBytes", "([B)J", (void*)load_bytes},
    {"loadBuffer", "(Ljava/nio/ByteBuffer;II)J", (void*)load_buffer},
    {"freeModule", "(J)V", (void*)free_module},
    {"extraFile", "(J[B)[B", (void*)extra_file},
    {"run", "(J[B[Lorg/pytorch/IValue;)Lorg/pytorch/IValue;", (void*)run},
    {"freeValue", "(J)V", (void*)free_value},
    {"packed", "(Lorg/pytorch/Tensor;)Lorg/pytorch/Tensor;", (void*)packed},
    {"setThreadCount", "(I)V", (void*)set_thread_count},
};

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void* reserved) {
  (void)reserved;
  JNIEnv* env = NULL;
  if ((*vm)->GetEnv(vm, (void**)&env, JNI_VERSION_1_6) != JNI_OK || !find_names(vm, env)) {
    return JNI_ERR;
  }
  jint count = (jint)(sizeof natives / sizeof natives[0]);
  return (*env)->RegisterNatives(env, names.library, natives, count) == 0 ? JNI_VERSION_1_6
                                                                          : JNI_ERR;
}
