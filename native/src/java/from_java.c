#include "from_java.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int value_from_java(JNIEnv* env, jobject item, int depth, br_value** value);

void free_values(struct values* values) {
  for (size_t i = 0; i < values->count; i++) {
    br_value_free(values->items[i]);
  }
  free(values->items);
}

/* ---- Tensors ---- */

/* The last use of a tensor may end on a thread of the runtime, which Java does not know. */
static void release_buffer(void* buffer) {
  JNIEnv* env = NULL;
  jint state = (*names.vm)->GetEnv(names.vm, (void**)&env, JNI_VERSION_1_6);
  if (state == JNI_EDETACHED &&
      (*names.vm)->AttachCurrentThreadAsDaemon(names.vm, (void*)&env, NULL) != JNI_OK) {
    return; /* Java is ending */
  }
  (*env)->DeleteGlobalRef(env, buffer);
  if (state == JNI_EDETACHED) {
    (*names.vm)->DetachCurrentThread(names.vm);
  }
}

static size_t alignment_of(br_dtype dtype) {
  switch (dtype) {
    case BR_INT16:
    case BR_FLOAT16:
    case BR_BFLOAT16:
      return 2;
    case BR_INT32:
    case BR_FLOAT32:
    case BR_COMPLEX64:
      return 4;
    case BR_INT64:
    case BR_FLOAT64:
    case BR_COMPLEX128:
      return 8;
    default:
      return 1;
  }
}

/* Where the elements of a buffer lie; NULL with an exception pending. */
static void* address_of(JNIEnv* env, jobject data, br_dtype dtype, const int64_t* shape,
                        size_t rank) {
  static char nothing; /* some address for a tensor without elements */
  for (size_t i = 0; i < rank; i++) {
    if (shape[i] == 0) {
      return &nothing;
    }
  }
  void* address = (*env)->GetDirectBufferAddress(env, data);
  if (address == NULL) {
    raise_plain(env, names.illegal_argument, "the buffer of a tensor is not direct memory");
  } else if ((uintptr_t)address % alignment_of(dtype) != 0) {
    raise_plain(env, names.illegal_argument,
                "the buffer of a tensor begins inside of an element: allocate it for its dtype");
    return NULL;
  }
  return address;
}

static int borrow(JNIEnv* env, jobject tensor, jobject data, const int64_t* shape,
                  const int64_t* strides, size_t rank, br_value** value) {
  br_dtype dtype = (br_dtype)(*env)->GetIntField(env, tensor, names.tensor_dtype);
  void* address = address_of(env, data, dtype, shape, rank);
  if (address == NULL) {
    return 0;
  }
  jobject kept = (*env)->NewGlobalRef(env, data);
  if (kept == NULL) {
    raise_plain(env, names.out_of_memory, "no reference for the buffer of a tensor");
    return 0;
  }
  br_error* error = NULL;
  br_status status = br_value_tensor_borrow(dtype, rank, shape, strides, address, release_buffer,
                                            kept, value, &error);
  if (status != BR_OK) {
    (*env)->DeleteGlobalRef(env, kept);
  }
  return passed(env, status, &error);
}

static int tensor_over_buffer(JNIEnv* env, jobject tensor, jobject data, br_value** value) {
  enum { USUAL = 8 }; /* shapes of usual ranks need no allocation */
  jlong usual[2 * USUAL];
  jlongArray shape = (*env)->GetObjectField(env, tensor, names.tensor_shape);
  jlongArray strides = (*env)->GetObjectField(env, tensor, names.tensor_strides);
  jsize rank = (*env)->GetArrayLength(env, shape);
  jlong* lengths = rank <= USUAL ? usual : allocate(env, 2 * (size_t)rank, sizeof(jlong));
  if (lengths == NULL) {
    return 0;
  }
  (*env)->GetLongArrayRegion(env, shape, 0, rank, lengths);
  (*env)->GetLongArrayRegion(env, strides, 0, rank, lengths + rank);
  (*env)->DeleteLocalRef(env, shape);
  (*env)->DeleteLocalRef(env, strides);
  int made = borrow(env, tensor, data, (const int64_t*)lengths, (const int64_t*)(lengths + rank),
                    (size_t)rank, value);
  if (lengths != usual) {
    free(lengths);
  }
  return made;
}

/* A tensor of the runtime is handed back itself. The monitor keeps another thread from freeing it
 * between the look and the new handle. */
static int tensor_over_handle(JNIEnv* env, jobject handle, br_value** value) {
  br_status status = BR_OK;
  br_error* error = NULL;
  if ((*env)->MonitorEnter(env, handle) != JNI_OK) {
    return 0;
  }
  jlong address = (*env)->GetLongField(env, handle, names.address);
  if (address != 0) {
    status = br_value_share(pointer_of(address), value, &error);
  }
  (*env)->MonitorExit(env, handle);
  if (address == 0) {
    raise_plain(env, names.illegal_state, "The tensor is closed");
    return 0;
  }
  return passed(env, status, &error);
}

static int tensor_as_it_is(JNIEnv* env, jobject tensor, br_value** value) {
  int made = 0;
  jobject data = (*env)->GetObjectField(env, tensor, names.tensor_data);
  jobject handle = (*env)->GetObjectField(env, tensor, names.tensor_handle);
  if (data == NULL) {
    raise_plain(env, names.illegal_state, "The tensor is closed");
  } else if (handle != NULL) {
    made = tensor_over_handle(env, handle, value);
  } else {
    made = tensor_over_buffer(env, tensor, data, value);
  }
  (*env)->DeleteLocalRef(env, data);
  (*env)->DeleteLocalRef(env, handle);
  return made;
}

/* A view may move a tensor to memory of Java's. The monitor keeps that from coming in between. */
int tensor_from_java(JNIEnv* env, jobject tensor, br_value** value) {
  if (tensor == NULL) {
    raise_plain(env, names.illegal_argument, "A tensor of the inputs is null");
    return 0;
  }
  jobject memory = (*env)->GetObjectField(env, tensor, names.tensor_memory);
  if (memory == NULL) {
    return tensor_as_it_is(env, tensor, value);
  }
  int made = 0;
  if ((*env)->MonitorEnter(env, memory) == JNI_OK) {
    made = tensor_as_it_is(env, tensor, value);
    (*env)->MonitorExit(env, memory);
  }
  (*env)->DeleteLocalRef(env, memory);
  return made;
}

/* ---- Containers ---- */

typedef int convert(JNIEnv* env, jobject item, int depth, br_value** value);

static int tensor_item(JNIEnv* env, jobject item, int depth, br_value** value) {
  (void)depth;
  return tensor_from_java(env, item, value);
}

static int convert_all(JNIEnv* env, jobjectArray array, int depth, convert* convert,
                       struct values* values) {
  size_t count = (size_t)(*env)->GetArrayLength(env, array);
  values->count = 0;
  values->items = allocate(env, count, sizeof(br_value*));
  if (values->items == NULL) {
    return 0;
  }
  for (size_t i = 0; i < count; i++) {
    jobject item = (*env)->GetObjectArrayElement(env, array, (jsize)i);
    int made = convert(env, item, depth, &values->items[i]);
    (*env)->DeleteLocalRef(env, item);
    if (!made) {
      free_values(values);
      return 0;
    }
    values->count++;
  }
  return 1;
}

int values_from_java(JNIEnv* env, jobjectArray array, int depth, struct values* values) {
  return convert_all(env, array, depth, value_from_java, values);
}

static int container_of(JNIEnv* env, jobjectArray array, int depth, jint code, br_value** value) {
  struct values values;
  br_error* error = NULL;
  if (!convert_all(env, array, depth, code == JAVA_TENSOR_LIST ? tensor_item : value_from_java,
                   &values)) {
    return 0;
  }
  const br_value* const* items = (const br_value* const*)values.items;
  br_status status = code == JAVA_TUPLE ? br_value_new_tuple(items, values.count, value, &error)
                                        : br_value_new_list(items, values.count, value, &error);
  free_values(&values);
  return passed(env, status, &error);
}

static int dict_of(JNIEnv* env, jobject item, int depth, br_value** value) {
  struct values both;
  br_error* error = NULL;
  jobjectArray entries = checked(env, (*env)->CallObjectMethod(env, item, names.entries));
  if (entries == NULL || !values_from_java(env, entries, depth, &both)) {
    return 0;
  }
  (*env)->DeleteLocalRef(env, entries);
  size_t count = both.count / 2;
  const br_value** apart = allocate(env, both.count, sizeof(br_value*));
  if (apart == NULL) {
    free_values(&both);
    return 0;
  }
  for (size_t i = 0; i < count; i++) {
    apart[i] = both.items[2 * i];
    apart[count + i] = both.items[2 * i + 1];
  }
  br_status status = br_value_new_dict(apart, apart + count, count, value, &error);
  free((void*)apart);
  free_values(&both);
  return passed(env, status, &error);
}

static int nested_of(JNIEnv* env, jobject item, jint code, jobject data, int depth,
                     br_value** value) {
  if (!descend(env, depth)) {
    return 0;
  }
  int is_dict = code == JAVA_DICT_STRING_KEY || code == JAVA_DICT_LONG_KEY;
  int made = is_dict || code == JAVA_EMPTY_DICT ? dict_of(env, item, depth, value)
                                                : container_of(env, data, depth, code, value);
  (*env)->PopLocalFrame(env, NULL);
  return made;
}

/* ---- Lists of numbers ---- */

static br_status new_number(jint code, const void* numbers, size_t index, br_value** value,
                            br_error** error) {
  if (code == JAVA_BOOL_LIST) {
    return br_value_new_bool(((const jboolean*)numbers)[index], value, error);
  }
  if (code == JAVA_LONG_LIST) {
    return br_value_new_int(((const jlong*)numbers)[index], value, error);
  }
  return br_value_new_double(((const jdouble*)numbers)[index], value, error);
}

static void* copy_numbers(JNIEnv* env, jarray array, jint code, jsize count) {
  void* numbers = allocate(env, (size_t)count, sizeof(jlong));
  if (numbers == NULL) {
    return NULL;
  }
  if (code == JAVA_BOOL_LIST) {
    (*env)->GetBooleanArrayRegion(env, array, 0, count, numbers);
  } else if (code == JAVA_LONG_LIST) {
    (*env)->GetLongArrayRegion(env, array, 0, count, numbers);
  } else {
    (*env)->GetDoubleArrayRegion(env, array, 0, count, numbers);
  }
  return numbers;
}

static int list_of_numbers(JNIEnv* env, jarray array, jint code, br_value** value) {
  jsize count = (*env)->GetArrayLength(env, array);
  struct values values = {NULL, 0};
  br_status status = BR_OK;
  br_error* error = NULL;
  void* numbers = copy_numbers(env, array, code, count);
  if (numbers == NULL) {
    return 0;
  }
  values.items = allocate(env, (size_t)count, sizeof(br_value*));
  if (values.items == NULL) {
    free(numbers);
    return 0;
  }
  while (status == BR_OK && values.count < (size_t)count) {
    status = new_number(code, numbers, values.count, &values.items[values.count], &error);
    values.count += status == BR_OK;
  }
  if (status == BR_OK) {
    status = br_value_new_list((const br_value* const*)values.items, values.count, value, &error);
  }
  free(numbers);
  free_values(&values);
  return passed(env, status, &error);
}

/* ---- Any value ---- */

static int string_of(JNIEnv* env, jobject text, br_value** value) {
  br_error* error = NULL;
  jbyteArray bytes =
      checked(env, (*env)->CallStaticObjectMethod(env, names.library, names.bytes, text));
  if (bytes == NULL) {
    return 0;
  }
  jsize size = (*env)->GetArrayLength(env, bytes);
  char* copy = allocate(env, (size_t)size, 1);
  if (copy == NULL) {
    return 0;
  }
  (*env)->GetByteArrayRegion(env, bytes, 0, size, (jbyte*)copy);
  (*env)->DeleteLocalRef(env, bytes);
  br_status status = br_value_new_string(copy, (size_t)size, value, &error);
  free(copy);
  return passed(env, status, &error);
}

static int scalar_of(JNIEnv* env, jint code, jlong number, br_value** value) {
  br_error* error = NULL;
  double real;
  switch (code) {
    case JAVA_BOOL:
      return passed(env, br_value_new_bool(number != 0, value, &error), &error);
    case JAVA_LONG:
      return passed(env, br_value_new_int(number, value, &error), &error);
    case JAVA_DOUBLE:
      memcpy(&real, &number, sizeof real);
      return passed(env, br_value_new_double(real, value, &error), &error);
    default:
      return passed(env, br_value_new_none(value, &error), &error);
  }
}

static int object_of(JNIEnv* env, jobject item, jint code, jobject data, int depth,
                     br_value** value) {
  switch (code) {
    case JAVA_TENSOR:
      return tensor_from_java(env, data, value);
    case JAVA_STRING:
      return string_of(env, data, value);
    case JAVA_BOOL_LIST:
    case JAVA_LONG_LIST:
    case JAVA_DOUBLE_LIST:
      return list_of_numbers(env, data, code, value);
    default:
      return nested_of(env, item, code, data, depth + 1, value);
  }
}

static int value_from_java(JNIEnv* env, jobject item, int depth, br_value** value) {
  if (item == NULL) {
    raise_plain(env, names.illegal_argument, "A value of the inputs is null");
    return 0;
  }
  jint code = (*env)->GetIntField(env, item, names.code);
  if (code == JAVA_NULL || (code >= JAVA_BOOL && code <= JAVA_DOUBLE)) {
    return scalar_of(env, code, (*env)->GetLongField(env, item, names.number), value);
  }
  if (code == JAVA_EMPTY_LIST) {
    br_error* error = NULL;
    return passed(env, br_value_new_list(NULL, 0, value, &error), &error);
  }
  jobject data = (*env)->GetObjectField(env, item, names.data);
  if (data == NULL) {
    raise_plain(env, names.illegal_argument, "What a value of the inputs was made of is null");
    return 0;
  }
  int made = object_of(env, item, code, data, depth, value);
  (*env)->DeleteLocalRef(env, data);
  return made;
}
