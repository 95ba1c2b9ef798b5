/* Read a value file and write what was read: `copy_values FROM TO`.
 *
 * It stands on values of its own, so that the reader and the writer of `build-runtime-run` can be
 * built by any C compiler without a runtime. Of the interface there is what they call.
 */
#include "value_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct br_value {
  br_kind kind;
  int64_t number;
  double parts[2];
  br_dtype dtype;
  size_t rank;
  int64_t* shape;
  size_t size; /* bytes, or entries */
  unsigned char* bytes;
  br_value** keys;
  br_value** items;
};

/* Values live as long as the program: it makes few of them. */
static br_status give(br_kind kind, br_value** value, br_value** made) {
  *made = calloc(1, sizeof(**made));
  if (*made == NULL) {
    return BR_OUT_OF_MEMORY;
  }
  (*made)->kind = kind;
  *value = *made;
  return BR_OK;
}

static void* copy(const void* data, size_t size) {
  void* bytes = malloc(size + 1);
  if (bytes == NULL) {
    abort();
  }
  memcpy(bytes, data, size);
  return bytes;
}

br_status br_value_new_none(br_value** value, br_error** error) {
  br_value* made;
  (void)error;
  return give(BR_KIND_NONE, value, &made);
}

br_status br_value_new_bool(int flag, br_value** value, br_error** error) {
  br_value* made;
  br_status status = give(BR_KIND_BOOL, value, &made);
  (void)error;
  made->number = flag;
  return status;
}

br_status br_value_new_int(int64_t number, br_value** value, br_error** error) {
  br_value* made;
  br_status status = give(BR_KIND_INT, value, &made);
  (void)error;
  made->number = number;
  return status;
}

br_status br_value_new_double(double number, br_value** value, br_error** error) {
  br_value* made;
  br_status status = give(BR_KIND_DOUBLE, value, &made);
  (void)error;
  made->parts[0] = number;
  return status;
}

br_status br_value_new_complex(double real, double imaginary, br_value** value, br_error** error) {
  br_value* made;
  br_status status = give(BR_KIND_COMPLEX, value, &made);
  (void)error;
  made->parts[0] = real;
  made->parts[1] = imaginary;
  return status;
}

br_status br_value_new_string(const char* text, size_t size, br_value** value, br_error** error) {
  br_value* made;
  br_status status = give(BR_KIND_STRING, value, &made);
  (void)error;
  made->bytes = copy(text, size);
  made->size = size;
  return status;
}

br_status br_value_tensor_copy(br_dtype dtype, size_t rank, const int64_t* shape, const void* data,
                               size_t size, br_value** value, br_error** error) {
  br_value* made;
  br_status status = give(BR_KIND_TENSOR, value, &made);
  (void)error;
  made->dtype = dtype;
  made->rank = rank;
  made->shape = copy(shape, rank * sizeof(*shape));
  made->size = size;
  made->bytes = copy(data, size);
  return status;
}

static br_status give_container(br_kind kind, const br_value* const* keys,
                                const br_value* const* items, size_t count, br_value** value) {
  br_value* made;
  br_status status = give(kind, value, &made);
  made->size = count;
  made->keys = keys == NULL ? NULL : copy((const void*)keys, count * sizeof(*keys));
  made->items = copy((const void*)items, count * sizeof(*items));
  return status;
}

br_status br_value_new_list(const br_value* const* items, size_t count, br_value** value,
                            br_error** error) {
  (void)error;
  return give_container(BR_KIND_LIST, NULL, items, count, value);
}

br_status br_value_new_tuple(const br_value* const* items, size_t count, br_value** value,
                             br_error** error) {
  (void)error;
  return give_container(BR_KIND_TUPLE, NULL, items, count, value);
}

br_status br_value_new_dict(const br_value* const* keys, const br_value* const* items, size_t count,
                            br_value** value, br_error** error) {
  (void)error;
  return give_container(BR_KIND_DICT, keys, items, count, value);
}

void br_value_free(br_value* value) {
  (void)value;
}

br_kind br_value_kind(const br_value* value) {
  return value->kind;
}

br_status br_value_bool(const br_value* value, int* flag, br_error** error) {
  (void)error;
  *flag = (int)value->number;
  return BR_OK;
}

br_status br_value_int(const br_value* value, int64_t* number, br_error** error) {
  (void)error;
  *number = value->number;
  return BR_OK;
}

br_status br_value_double(const br_value* value, double* number, br_error** error) {
  (void)error;
  *number = value->parts[0];
  return BR_OK;
}

br_status br_value_complex(const br_value* value, double* real, double* imaginary,
                           br_error** error) {
  (void)error;
  *real = value->parts[0];
  *imaginary = value->parts[1];
  return BR_OK;
}

br_status br_value_string(const br_value* value, const char** text, size_t* size,
                          br_error** error) {
  (void)error;
  *text = (const char*)value->bytes;
  *size = value->size;
  return BR_OK;
}

br_status br_value_tensor(const br_value* value, br_tensor* tensor, br_error** error) {
  size_t i;
  (void)error;
  tensor->dtype = value->dtype;
  tensor->rank = value->rank;
  tensor->shape = value->shape;
  tensor->element_size = value_file_item_size((int)value->dtype);
  tensor->element_count = 1;
  for (i = 0; i < value->rank; ++i) {
    tensor->element_count *= (size_t)value->shape[i];
  }
  return BR_OK;
}

br_status br_value_tensor_read(const br_value* value, void* buffer, size_t size, br_error** error) {
  (void)error;
  memcpy(buffer, value->bytes, size);
  return BR_OK;
}

/* What no input holds. */
br_status br_value_device(const br_value* value, br_value** name, br_error** error) {
  (void)value;
  (void)name;
  (void)error;
  return BR_WRONG_KIND;
}

br_status br_value_quantization(const br_value* value, br_value** parameters, br_error** error) {
  return br_value_device(value, parameters, error);
}

size_t br_value_size(const br_value* value) {
  return value->size;
}

br_status br_value_entries(const br_value* value, br_value** keys, br_value** items,
                           br_error** error) {
  (void)error;
  if (value->keys != NULL) {
    memcpy((void*)keys, (const void*)value->keys, value->size * sizeof(*keys));
  }
  memcpy((void*)items, (const void*)value->items, value->size * sizeof(*items));
  return BR_OK;
}

int main(int argc, char** argv) {
  buffer from = {NULL, 0, 0, 0};
  buffer to = {NULL, 0, 0, 0};
  const char* problem = NULL;
  br_value* value;
  if (argc != 3 || buffer_read_file(&from, argv[1]) != 0) {
    return 2;
  }
  value = value_file_decode(from.data, from.size, &problem);
  if (value == NULL) {
    fprintf(stderr, "%s\n", problem);
    return 3;
  }
  value_file_header(&to);
  problem = value_file_encode(&to, value);
  if (problem != NULL || buffer_write_file(&to, argv[2]) != 0) {
    return 6;
  }
  buffer_free(&from);
  buffer_free(&to);
  return 0;
}
