#include "to_java.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static jobject new_value(JNIEnv* env, jint code, jlong number, jobject data) {
  return checked(env, (*env)->NewObject(env, names.value, names.new_value, code, number, data));
}

/* ---- Tensors ---- */

static jlongArray new_longs(JNIEnv* env, const int64_t* numbers, size_t count) {
  jlongArray array = (*env)->NewLongArray(env, (jsize)count);
  if (array != NULL) {
    (*env)->SetLongArrayRegion(env, array, 0, (jsize)count, (const jlong*)numbers);
  }
  return array;
}

/* Bytes from the first element to the last, which lie closer or farther apart than row-major ones;
 * SIZE_MAX where a buffer of Java cannot hold them. */
static size_t span_of(const br_tensor* tensor) {
  uint64_t last = 0;
  if (tensor->element_count == 0) {
    return 0;
  }
  for (size_t i = 0; i < tensor->rank; i++) {
    uint64_t steps = (uint64_t)tensor->shape[i] - 1;
    uint64_t stride = (uint64_t)tensor->strides[i];
    if (steps != 0 && stride > INT32_MAX / steps) {
      return SIZE_MAX;
    }
    last += steps * stride;
    if (last > INT32_MAX) {
      return SIZE_MAX;
    }
  }
  uint64_t bytes = (last + 1) * tensor->element_size;
  return bytes > INT32_MAX ? SIZE_MAX : (size_t)bytes;
}

static jobject wrap_tensor(JNIEnv* env, const br_tensor* tensor, br_value* value) {
  static char nothing; /* some address for a tensor without elements */
  size_t span = span_of(tensor);
  if (span == SIZE_MAX) {
    raise_plain(env, names.illegal_argument, "A tensor is too large for a buffer of Java (2 GB)");
    return NULL;
  }
  void* data = span == 0 ? &nothing : (void*)tensor->data;
  jobject memory = (*env)->NewDirectByteBuffer(env, data, (jlong)span);
  jlongArray shape = memory == NULL ? NULL : new_longs(env, tensor->shape, tensor->rank);
  jlongArray strides = shape == NULL ? NULL : new_longs(env, tensor->strides, tensor->rank);
  jobject made = NULL;
  if (strides != NULL) {
    made = checked(env, (*env)->CallStaticObjectMethod(env, names.tensor, names.tensor_of_native,
                                                       memory, shape, strides, (jint)tensor->dtype,
                                                       (jlong)(intptr_t)value));
  }
  (*env)->DeleteLocalRef(env, memory);
  (*env)->DeleteLocalRef(env, shape);
  (*env)->DeleteLocalRef(env, strides);
  return made;
}

jobject tensor_to_java(JNIEnv* env, br_value* value) {
  br_tensor tensor;
  br_error* error = NULL;
  jobject made = NULL;
  if (passed(env, br_value_tensor(value, &tensor, &error), &error)) {
    made = wrap_tensor(env, &tensor, value);
  }
  if (made == NULL) {
    br_value_free(value);
  }
  return made;
}

jobject packed_to_java(JNIEnv* env, const br_value* value) {
  br_tensor tensor;
  br_error* error = NULL;
  br_value* packed = NULL;
  if (!passed(env, br_value_tensor(value, &tensor, &error), &error)) {
    return NULL;
  }
  void* memory = allocate(env, tensor.element_count, tensor.element_size);
  if (memory == NULL) {
    return NULL;
  }
  size_t size = tensor.element_count * tensor.element_size;
  br_status status = br_value_tensor_read(value, memory, size, &error);
  if (status == BR_OK) {
    status = br_value_tensor_borrow(tensor.dtype, tensor.rank, tensor.shape, NULL, memory, free,
                                    memory, &packed, &error);
  }
  if (status != BR_OK) {
    free(memory);
  }
  return passed(env, status, &error) ? tensor_to_java(env, packed) : NULL;
}

/* ---- Containers ---- */

struct entries {
  br_value** keys; /* NULL for a list or tuple */
  br_value** items;
  size_t count;
};

/* What was converted is NULL by then. */
static void free_all(br_value** values, size_t count) {
  for (size_t i = 0; values != NULL && i < count; i++) {
    br_value_free(values[i]);
  }
  free((void*)values);
}

static int open_entries(JNIEnv* env, const br_value* value, int with_keys,
                        struct entries* entries) {
  br_error* error = NULL;
  size_t count = br_value_size(value);
  if (count > INT32_MAX) {
    raise_plain(env, names.illegal_argument, "A list or dict is too large for Java");
    return 0;
  }
  entries->count = count;
  entries->items = allocate(env, count, sizeof(br_value*));
  entries->keys = NULL;
  if (entries->items == NULL) {
    return 0;
  }
  if (with_keys) {
    entries->keys = allocate(env, count, sizeof(br_value*));
    if (entries->keys == NULL) {
      free((void*)entries->items);
      return 0;
    }
  }
  br_status status = br_value_entries(value, entries->keys, entries->items, &error);
  if (status != BR_OK) {
    free((void*)entries->keys);
    free((void*)entries->items);
  }
  return passed(env, status, &error);
}

static jobject convert(JNIEnv* env, jclass type, br_value* value, int depth) {
  return type == names.tensor ? tensor_to_java(env, value) : value_to_java(env, value, depth);
}

static jobjectArray array_of(JNIEnv* env, jclass type, br_value** values, size_t count, int depth) {
  jobjectArray array = (*env)->NewObjectArray(env, (jsize)count, type, NULL);
  for (size_t i = 0; array != NULL && i < count; i++) {
    br_value* value = values[i];
    values[i] = NULL;
    jobject item = convert(env, type, value, depth);
    if (item == NULL) {
      return NULL;
    }
    (*env)->SetObjectArrayElement(env, array, (jsize)i, item);
    (*env)->DeleteLocalRef(env, item);
  }
  return array;
}

/* The kind of all items; BR_KIND_OTHER if they differ. */
static br_kind common_kind(const struct entries* entries) {
  br_kind kind = br_value_kind(entries->items[0]);
  for (size_t i = 1; i < entries->count; i++) {
    if (br_value_kind(entries->items[i]) != kind) {
      return BR_KIND_OTHER;
    }
  }
  return kind;
}

static jarray bools_of(JNIEnv* env, const struct entries* entries) {
  jbooleanArray array = (*env)->NewBooleanArray(env, (jsize)entries->count);
  for (size_t i = 0; array != NULL && i < entries->count; i++) {
    int flag = 0;
    (void)br_value_bool(entries->items[i], &flag, NULL);
    jboolean item = flag != 0;
    (*env)->SetBooleanArrayRegion(env, array, (jsize)i, 1, &item);
  }
  return array;
}

static jarray longs_of(JNIEnv* env, const struct entries* entries) {
  jlongArray array = (*env)->NewLongArray(env, (jsize)entries->count);
  for (size_t i = 0; array != NULL && i < entries->count; i++) {
    int64_t number = 0;
    (void)br_value_int(entries->items[i], &number, NULL);
    jlong item = number;
    (*env)->SetLongArrayRegion(env, array, (jsize)i, 1, &item);
  }
  return array;
}

static jarray doubles_of(JNIEnv* env, const struct entries* entries) {
  jdoubleArray array = (*env)->NewDoubleArray(env, (jsize)entries->count);
  for (size_t i = 0; array != NULL && i < entries->count; i++) {
    jdouble item = 0;
    (void)br_value_double(entries->items[i], &item, NULL);
    (*env)->SetDoubleArrayRegion(env, array, (jsize)i, 1, &item);
  }
  return array;
}

static jobject list_of(JNIEnv* env, struct entries* entries, int depth) {
  jobject data = NULL;
  jint code = JAVA_LIST;
  if (entries->count == 0) {
    return new_value(env, JAVA_EMPTY_LIST, 0, NULL);
  }
  switch (common_kind(entries)) {
    case BR_KIND_BOOL:
      code = JAVA_BOOL_LIST;
      data = bools_of(env, entries);
      break;
    case BR_KIND_INT:
      code = JAVA_LONG_LIST;
      data = longs_of(env, entries);
      break;
    case BR_KIND_DOUBLE:
      code = JAVA_DOUBLE_LIST;
      data = doubles_of(env, entries);
      break;
    case BR_KIND_TENSOR:
      code = JAVA_TENSOR_LIST;
      data = array_of(env, names.tensor, entries->items, entries->count, depth);
      break;
    default:
      data = array_of(env, names.value, entries->items, entries->count, depth);
  }
  jobject made = data == NULL ? NULL : new_value(env, code, 0, data);
  (*env)->DeleteLocalRef(env, data);
  return made;
}

static jobject tuple_of(JNIEnv* env, struct entries* entries, int depth) {
  jobject data = array_of(env, names.value, entries->items, entries->count, depth);
  jobject made = data == NULL ? NULL : new_value(env, JAVA_TUPLE, 0, data);
  (*env)->DeleteLocalRef(env, data);
  return made;
}

static jobject dict_of(JNIEnv* env, struct entries* entries, int depth) {
  jobject made = NULL;
  jobject keys = array_of(env, names.value, entries->keys, entries->count, depth);
  jobject items = NULL;
  if (keys != NULL) {
    items = array_of(env, names.value, entries->items, entries->count, depth);
  }
  if (items != NULL) {
    made =
        checked(env, (*env)->CallStaticObjectMethod(env, names.value, names.dict_of, keys, items));
  }
  (*env)->DeleteLocalRef(env, keys);
  (*env)->DeleteLocalRef(env, items);
  return made;
}

static jobject entries_to_java(JNIEnv* env, const br_value* value, br_kind kind, int depth) {
  struct entries entries;
  jobject made = NULL;
  if (!open_entries(env, value, kind == BR_KIND_DICT, &entries)) {
    return NULL;
  }
  if (kind == BR_KIND_LIST) {
    made = list_of(env, &entries, depth);
  } else if (kind == BR_KIND_TUPLE) {
    made = tuple_of(env, &entries, depth);
  } else {
    made = dict_of(env, &entries, depth);
  }
  free_all(entries.keys, entries.count);
  free_all(entries.items, entries.count);
  return made;
}

static jobject container_to_java(JNIEnv* env, const br_value* value, br_kind kind, int depth) {
  if (!descend(env, depth)) {
    return NULL;
  }
  return (*env)->PopLocalFrame(env, entries_to_java(env, value, kind, depth));
}

/* ---- Any value ---- */

static jobject string_to_java(JNIEnv* env, const br_value* value) {
  const char* text = NULL;
  size_t size = 0;
  br_error* error = NULL;
  if (!passed(env, br_value_string(value, &text, &size, &error), &error)) {
    return NULL;
  }
  jbyteArray bytes = new_bytes(env, text, size);
  if (bytes == NULL) {
    return NULL;
  }
  jobject string =
      checked(env, (*env)->CallStaticObjectMethod(env, names.library, names.text, bytes));
  (*env)->DeleteLocalRef(env, bytes);
  jobject made = string == NULL ? NULL : new_value(env, JAVA_STRING, 0, string);
  (*env)->DeleteLocalRef(env, string);
  return made;
}

static jobject other_to_java(JNIEnv* env, br_kind kind) {
  const char* text = "Unsupported IValue type: an object, an enum or the like";
  if (kind == BR_KIND_COMPLEX) {
    text = "Unsupported IValue type: a complex number; return a tensor";
  } else if (kind == BR_KIND_DEVICE) {
    text = "Unsupported IValue type: a device";
  }
  raise_plain(env, names.illegal_argument, text);
  return NULL;
}

static jobject kept_to_java(JNIEnv* env, const br_value* value, br_kind kind, int depth) {
  int flag = 0;
  int64_t number = 0;
  double real = 0;
  switch (kind) {
    case BR_KIND_NONE:
      return new_value(env, JAVA_NULL, 0, NULL);
    case BR_KIND_BOOL:
      (void)br_value_bool(value, &flag, NULL);
      return new_value(env, JAVA_BOOL, flag != 0, NULL);
    case BR_KIND_INT:
      (void)br_value_int(value, &number, NULL);
      return new_value(env, JAVA_LONG, number, NULL);
    case BR_KIND_DOUBLE:
      (void)br_value_double(value, &real, NULL);
      memcpy(&number, &real, sizeof number);
      return new_value(env, JAVA_DOUBLE, number, NULL);
    case BR_KIND_STRING:
      return string_to_java(env, value);
    case BR_KIND_LIST:
    case BR_KIND_TUPLE:
    case BR_KIND_DICT:
      return container_to_java(env, value, kind, depth + 1);
    default:
      return other_to_java(env, kind);
  }
}

jobject value_to_java(JNIEnv* env, br_value* value, int depth) {
  br_kind kind = br_value_kind(value);
  if (kind == BR_KIND_TENSOR) {
    jobject tensor = tensor_to_java(env, value);
    jobject made = tensor == NULL ? NULL : new_value(env, JAVA_TENSOR, 0, tensor);
    (*env)->DeleteLocalRef(env, tensor);
    return made;
  }
  jobject made = kept_to_java(env, value, kind, depth);
  br_value_free(value);
  return made;
}
