#include "print_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Tensors ---- */

static const char* type_name(br_dtype dtype) {
  switch (dtype) {
    case BR_UINT8:
      return "CPUByteType";
    case BR_INT8:
      return "CPUCharType";
    case BR_INT16:
      return "CPUShortType";
    case BR_INT32:
      return "CPUIntType";
    case BR_INT64:
      return "CPULongType";
    case BR_FLOAT32:
      return "CPUFloatType";
    case BR_FLOAT64:
      return "CPUDoubleType";
    case BR_BOOL:
      return "CPUBoolType";
    default:
      return NULL; /* what is of this type is told without its elements */
  }
}

static void print_element(br_dtype dtype, const void* data, size_t index) {
  switch (dtype) {
    case BR_UINT8:
    case BR_BOOL:
      printf("%d", ((const uint8_t*)data)[index]);
      break;
    case BR_INT8:
      printf("%d", ((const int8_t*)data)[index]);
      break;
    case BR_INT16:
      printf("%d", ((const int16_t*)data)[index]);
      break;
    case BR_INT32:
      printf("%" PRId32, ((const int32_t*)data)[index]);
      break;
    case BR_INT64:
      printf("%" PRId64, ((const int64_t*)data)[index]);
      break;
    case BR_FLOAT32:
      printf("%g", (double)((const float*)data)[index]);
      break;
    default:
      printf("%g", ((const double*)data)[index]);
  }
}

/* Say which matrix of a tensor of more than two dimensions follows, as `(1,2,.,.) = `. */
static void print_place(const br_tensor* tensor, size_t matrix) {
  size_t below = 1;
  for (size_t i = 0; i + 2 < tensor->rank; ++i) {
    below *= (size_t)tensor->shape[i];
  }
  putchar('(');
  for (size_t i = 0; i + 2 < tensor->rank; ++i) {
    below /= (size_t)tensor->shape[i];
    printf("%lu,", (unsigned long)(matrix / below + 1));
    matrix %= below;
  }
  puts(".,.) = ");
}

static void print_elements(const br_tensor* tensor, const void* data) {
  const size_t columns = tensor->rank < 2 ? 1 : (size_t)tensor->shape[tensor->rank - 1];
  const size_t rows =
      tensor->rank < 2 ? tensor->element_count : (size_t)tensor->shape[tensor->rank - 2];
  for (size_t i = 0; i < tensor->element_count; ++i) {
    if (tensor->rank > 2 && i % (rows * columns) == 0) {
      print_place(tensor, i / (rows * columns));
    }
    putchar(' ');
    print_element(tensor->dtype, data, i);
    if (i % columns == columns - 1) {
      putchar('\n');
    }
  }
}

static void print_tensor(const br_value* value) {
  br_tensor tensor;
  const char* name = NULL;
  void* data = NULL;
  if (br_value_tensor(value, &tensor, NULL) != BR_OK) {
    return;
  }
  name = type_name(tensor.dtype);
  data = malloc(tensor.element_count * tensor.element_size + 1);
  if (name != NULL && data != NULL &&
      br_value_tensor_read(value, data, tensor.element_count * tensor.element_size, NULL) ==
          BR_OK) {
    print_elements(&tensor, data);
  }
  free(data);
  printf("[ %s{", name == NULL ? "CPU" : name);
  for (size_t i = 0; i < tensor.rank; ++i) {
    printf("%s%" PRId64, i == 0 ? "" : ",", tensor.shape[i]);
  }
  printf("} ]");
}

/* ---- Containers ---- */

static void print_entries(br_kind kind, br_value* const* keys, br_value* const* items,
                          size_t count) {
  const char* brackets = "{}";
  if (kind == BR_KIND_LIST || kind == BR_KIND_TUPLE) {
    brackets = kind == BR_KIND_LIST ? "[]" : "()";
  }
  putchar(brackets[0]);
  for (size_t i = 0; i < count; ++i) {
    fputs(i == 0 ? "" : ", ", stdout);
    if (brackets[0] == '{') {
      print_value(keys[i]);
      fputs(": ", stdout);
    }
    print_value(items[i]);
  }
  putchar(brackets[1]);
}

static void print_container(const br_value* value, br_kind kind) {
  const size_t count = br_value_size(value);
  br_value** keys = calloc(count + 1, sizeof(*keys));
  br_value** items = calloc(count + 1, sizeof(*items));
  if (keys != NULL && items != NULL && br_value_entries(value, keys, items, NULL) == BR_OK) {
    print_entries(kind, keys, items, count);
    for (size_t i = 0; i < count; ++i) {
      br_value_free(keys[i]);
      br_value_free(items[i]);
    }
  }
  free(keys);
  free(items);
}

void print_value(const br_value* value) {
  const br_kind kind = br_value_kind(value);
  int flag = 0;
  int64_t number = 0;
  double real = 0;
  const char* text = "";
  size_t size = 0;
  switch (kind) {
    case BR_KIND_NONE:
      fputs("None", stdout);
      break;
    case BR_KIND_BOOL:
      (void)br_value_bool(value, &flag, NULL);
      fputs(flag ? "true" : "false", stdout);
      break;
    case BR_KIND_INT:
      (void)br_value_int(value, &number, NULL);
      printf("%" PRId64, number);
      break;
    case BR_KIND_DOUBLE:
      (void)br_value_double(value, &real, NULL);
      printf("%g", real);
      break;
    case BR_KIND_STRING:
      (void)br_value_string(value, &text, &size, NULL);
      fwrite(text, 1, size, stdout);
      break;
    case BR_KIND_TENSOR:
      print_tensor(value);
      break;
    case BR_KIND_LIST:
    case BR_KIND_TUPLE:
    case BR_KIND_DICT:
    case BR_KIND_OBJECT:
      print_container(value, kind);
      break;
    default:
      fputs("(a value of another kind)", stdout);
  }
}
