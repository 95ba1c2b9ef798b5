#include "inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIMENSIONS = 64, MOST_INPUTS = 256, IMAGES = 4 };

static const char contiguous[] = "contiguous_format";

/* How one input is described. */
typedef struct description {
  br_dtype dtype;
  size_t rank;
  int64_t shape[MOST_DIMENSIONS];
  int64_t strides[MOST_DIMENSIONS];
} description;

static int refuse(const char* what, const char* text, size_t size) {
  fprintf(stderr, "error: %s%.*s\n", what, (int)size, text);
  return 0;
}

static int fail(br_error* error) {
  const char* text = error == NULL ? "out of memory" : br_error_message(error);
  refuse(text, "", 0);
  br_error_free(error);
  return 0;
}

void free_inputs(inputs* given) {
  for (size_t i = 0; i < given->count; ++i) {
    br_value_free(given->items[i]);
  }
  free(given->items);
  given->items = NULL;
  given->count = 0;
}

/* ---- Lists in texts ---- */

/* The next piece of a list, whose size is returned; empty ones are skipped. 0 at the end. */
static size_t next_piece(const char** at, char separator) {
  const char* end = NULL;
  while (**at == separator) {
    ++*at;
  }
  end = strchr(*at, separator);
  return end == NULL ? strlen(*at) : (size_t)(end - *at);
}

static size_t count_pieces(const char* at, char separator) {
  size_t count = 0;
  for (size_t size = 0; (size = next_piece(&at, separator)) != 0; at += size) {
    ++count;
  }
  return count;
}

static int is(const char* piece, size_t size, const char* word) {
  return size == strlen(word) && memcmp(piece, word, size) == 0;
}

/* ---- Descriptions ---- */

static int read_dimensions(const char* piece, size_t size, description* out) {
  const char* end = piece + size;
  out->rank = 0;
  while (piece < end) {
    char* after = NULL;
    long long number = 0;
    errno = 0;
    number = strtoll(piece, &after, 10);
    if (errno != 0 || after == piece || after > end || number < 0 || number > INT32_MAX ||
        (after < end && *after != ',') || out->rank == MOST_DIMENSIONS) {
      return refuse("Unsupported input dims: ", piece, (size_t)(end - piece));
    }
    out->shape[out->rank++] = number;
    piece = after < end ? after + 1 : end;
  }
  return 1;
}

static int read_type(const char* piece, size_t size, description* out) {
  if (is(piece, size, "float")) {
    out->dtype = BR_FLOAT32;
  } else if (is(piece, size, "uint8_t")) {
    out->dtype = BR_UINT8;
  } else if (is(piece, size, "int64")) {
    out->dtype = BR_INT64;
  } else {
    return refuse("Unsupported input type: ", piece, size);
  }
  return 1;
}

/* Dimensions from the one whose elements lie farthest apart. */
static void lay_out(description* out, const size_t* order) {
  int64_t stride = 1;
  for (size_t i = out->rank; i-- > 0;) {
    size_t dimension = order == NULL ? i : order[i];
    out->strides[dimension] = stride;
    if (out->shape[dimension] > 0 && stride <= INT64_MAX / out->shape[dimension]) {
      stride *= out->shape[dimension];
    }
  }
}

static int read_format(const char* piece, size_t size, description* out) {
  static const size_t channels_last[IMAGES] = {0, 2, 3, 1};
  if (is(piece, size, contiguous)) {
    lay_out(out, NULL);
    return 1;
  }
  if (!is(piece, size, "channels_last")) {
    return refuse("Unsupported input memory format: ", piece, size);
  }
  if (out->rank != IMAGES) {
    return refuse("channels_last memory format only available on 4D tensors!", "", 0);
  }
  lay_out(out, channels_last);
  return 1;
}

/* ---- Tensors ---- */

static size_t size_of(br_dtype dtype) {
  switch (dtype) {
    case BR_UINT8:
      return sizeof(uint8_t);
    case BR_INT64:
      return sizeof(int64_t);
    default:
      return sizeof(float);
  }
}

static void fill(br_dtype dtype, void* data, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    switch (dtype) {
      case BR_UINT8:
        ((uint8_t*)data)[i] = 1;
        break;
      case BR_INT64:
        ((int64_t*)data)[i] = 1;
        break;
      default:
        ((float*)data)[i] = 1;
    }
  }
}

static int make_ones(const description* wanted, br_value** value) {
  br_error* error = NULL;
  size_t count = 1;
  void* data = NULL;
  for (size_t i = 0; i < wanted->rank; ++i) {
    if (wanted->shape[i] != 0 && count > SIZE_MAX / sizeof(int64_t) / (size_t)wanted->shape[i]) {
      return fail(NULL);
    }
    count *= (size_t)wanted->shape[i];
  }
  data = malloc(count * size_of(wanted->dtype) + 1);
  if (data == NULL) {
    return fail(NULL);
  }
  fill(wanted->dtype, data, count);
  if (br_value_tensor_borrow(wanted->dtype, wanted->rank, wanted->shape, wanted->strides, data,
                             free, data, value, &error) != BR_OK) {
    free(data);
    return fail(error);
  }
  return 1;
}

static int make_described(const flags* wanted, inputs* given, size_t count) {
  const char* dims = wanted->input_dims;
  const char* type = wanted->input_type;
  const char* format = wanted->input_memory_format;
  for (size_t i = 0; i < count; ++i) {
    description each;
    const size_t dims_size = next_piece(&dims, ';');
    const size_t type_size = next_piece(&type, ';');
    const size_t format_size = format == NULL ? 0 : next_piece(&format, ';');
    if (!read_dimensions(dims, dims_size, &each) || !read_type(type, type_size, &each) ||
        !read_format(format == NULL ? contiguous : format,
                     format == NULL ? strlen(contiguous) : format_size, &each) ||
        !make_ones(&each, &given->items[given->count])) {
      return 0;
    }
    ++given->count;
    dims += dims_size;
    type += type_size;
    format = format == NULL ? NULL : format + format_size;
  }
  return 1;
}

/* ---- All inputs ---- */

static int make_length(long length, inputs* given) {
  static const int64_t one[] = {1};
  const int64_t number = length;
  br_error* error = NULL;
  if (br_value_tensor_copy(BR_INT64, 1, one, &number, sizeof(number), &given->items[given->count],
                           &error) != BR_OK) {
    return fail(error);
  }
  ++given->count;
  return 1;
}

int make_inputs(const flags* wanted, inputs* given) {
  const size_t count = count_pieces(wanted->input_dims, ';');
  const size_t formats =
      wanted->input_memory_format == NULL ? count : count_pieces(wanted->input_memory_format, ';');
  if (wanted->no_inputs || wanted->use_bundled_input >= 0) {
    return 1;
  }
  if (count == 0) {
    return refuse("Input dims must be specified.", "", 0);
  }
  if (wanted->input_type[0] == '\0') {
    return refuse("Input type must be specified.", "", 0);
  }
  if (count != count_pieces(wanted->input_type, ';')) {
    return refuse("Input dims and type should have the same number of items.", "", 0);
  }
  if (count != formats) {
    return refuse("Input dims and format should have the same number of items.", "", 0);
  }
  if (count > MOST_INPUTS) {
    return refuse("more inputs than a model can have", "", 0);
  }
  given->items = calloc(count + 1, sizeof(*given->items));
  if (given->items == NULL) {
    return fail(NULL);
  }
  return make_described(wanted, given, count) &&
         (wanted->pytext_len <= 0 || make_length(wanted->pytext_len, given));
}

/* ---- Bundled inputs ---- */

static int has_method(const br_module* module, const char* name) {
  const char* found = NULL;
  for (size_t i = 0; (found = br_module_method_name(module, i)) != NULL; ++i) {
    if (strcmp(found, name) == 0) {
      return 1;
    }
  }
  return 0;
}

static int unpack(const br_value* tuple, inputs* given) {
  br_error* error = NULL;
  const size_t count = br_value_size(tuple);
  given->items = calloc(count + 1, sizeof(*given->items));
  if (given->items == NULL) {
    return fail(NULL);
  }
  if (br_value_entries(tuple, NULL, given->items, &error) != BR_OK) {
    return fail(error);
  }
  given->count = count;
  return 1;
}

int take_bundled_input(br_module* module, long index, inputs* given) {
  static const char method[] = "get_all_bundled_inputs";
  br_error* error = NULL;
  br_value* all = NULL;
  br_value* tuple = NULL;
  int taken = 0;
  if (!has_method(module, method)) {
    fputs(
        "Model does not have bundled inputs.  Before saving,\n"
        "use torch.utils.bundled_inputs.augment_model_with_bundled_inputs.\n",
        stderr);
    return 0;
  }
  if (br_module_run(module, method, NULL, 0, &all, &error) != BR_OK) {
    return fail(error);
  }
  if ((size_t)index >= br_value_size(all)) {
    fprintf(stderr, "Model has only %lu bundled inputs.\n", (unsigned long)br_value_size(all));
  } else if (br_value_item(all, (size_t)index, &tuple, &error) != BR_OK) {
    fail(error);
  } else {
    taken = unpack(tuple, given);
  }
  br_value_free(tuple);
  br_value_free(all);
  return taken;
}
