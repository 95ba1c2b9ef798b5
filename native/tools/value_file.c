#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "value_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DEPTH = 64, MAX_RANK = 64 };

enum tag {
  TAG_NONE = 0,
  TAG_BOOL = 1,
  TAG_INT = 2,
  TAG_FLOAT = 3,
  TAG_STR = 4,
  TAG_TENSOR = 5,
  TAG_LIST = 6,
  TAG_TUPLE = 7,
  TAG_DICT = 8,
  TAG_FAILURE = 9,
  TAG_COMPLEX = 10,
  TAG_DEVICE = 11,
  TAG_QUANTIZED = 12
};

static const unsigned char header[8] = {'B', 'R', 'V', 'F', 1, 0, 0, 0};

static const struct {
  const char* name;
  size_t size;
} dtypes[] = {
    {"uint8", 1},     {"int8", 1},      {"int16", 2},       {"int32", 4},
    {"int64", 8},     {"float16", 2},   {"float32", 4},     {"float64", 8},
    {"complex32", 0}, {"complex64", 8}, {"complex128", 16}, {"bool", 1},
    {"qint8", 0},     {"quint8", 0},    {"qint32", 0},      {"bfloat16", 2},
};

/* The dtype of the integers that a quantized tensor stores, or -1 for other tensors. */
static int stored_dtype(br_dtype dtype) {
  switch (dtype) {
    case BR_QINT8:
      return BR_INT8;
    case BR_QUINT8:
      return BR_UINT8;
    case BR_QINT32:
      return BR_INT32;
    default:
      return -1;
  }
}

enum { DTYPE_COUNT = sizeof(dtypes) / sizeof(dtypes[0]) };

size_t value_file_item_size(int dtype) {
  return dtype < 0 || dtype >= DTYPE_COUNT ? 0 : dtypes[dtype].size;
}

const char* value_file_dtype_name(int dtype) {
  return dtype < 0 || dtype >= DTYPE_COUNT ? "unknown" : dtypes[dtype].name;
}

/* Make room for `size` more bytes and return where they go, NULL without memory. */
static unsigned char* extend(buffer* out, size_t size) {
  unsigned char* place;
  if (out->failed || size > SIZE_MAX / 2 - out->size) {
    out->failed = 1;
    return NULL;
  }
  if (out->size + size > out->capacity) {
    size_t capacity = out->capacity < 256 ? 256 : out->capacity;
    unsigned char* data;
    while (capacity < out->size + size) {
      capacity *= 2;
    }
    data = realloc(out->data, capacity);
    if (data == NULL) {
      out->failed = 1;
      return NULL;
    }
    out->data = data;
    out->capacity = capacity;
  }
  place = out->data + out->size;
  out->size += size;
  return place;
}

static void put(buffer* out, const void* data, size_t size) {
  unsigned char* place = extend(out, size);
  if (place != NULL && size != 0) {
    memcpy(place, data, size);
  }
}

static void put_byte(buffer* out, int byte) {
  const unsigned char value = (unsigned char)byte;
  put(out, &value, 1);
}

static void put_number(buffer* out, uint64_t number, int bytes) {
  int i;
  for (i = 0; i < bytes; ++i) {
    put_byte(out, (int)(number >> (8 * i) & 0xff));
  }
}

void buffer_free(buffer* out) {
  free(out->data);
  memset(out, 0, sizeof(*out));
}

int buffer_read_file(buffer* out, const char* path) {
  enum { PIECE = 1 << 16 };
  FILE* file = fopen(path, "rb");
  size_t got = PIECE;
  int failed;
  if (file == NULL) {
    return -1;
  }
  while (got == PIECE) {
    unsigned char* place = extend(out, PIECE);
    if (place == NULL) {
      fclose(file);
      errno = ENOMEM;
      return -1;
    }
    got = fread(place, 1, PIECE, file);
    out->size -= PIECE - got;
  }
  failed = ferror(file);
  fclose(file);
  return failed ? -1 : 0;
}

int buffer_write_file(const buffer* content, const char* path) {
  const size_t size = strlen(path) + sizeof(".partial");
  char* partial = malloc(size);
  FILE* file;
  int failed = 1;
  if (partial == NULL || content->failed) {
    free(partial);
    errno = ENOMEM;
    return -1;
  }
  snprintf(partial, size, "%s.partial", path);
  file = fopen(partial, "wb");
  if (file != NULL) {
    failed = fwrite(content->data, 1, content->size, file) != content->size;
    failed |= fclose(file) != 0;
    failed = failed || rename(partial, path) != 0;
    if (failed) {
      const int code = errno;
      unlink(partial);
      errno = code;
    }
  }
  free(partial);
  return failed ? -1 : 0;
}

/* ---- Decoding ---- */

typedef struct reader {
  const unsigned char* at;
  const unsigned char* end;
  const char* problem;
} reader;

static const unsigned char* take(reader* in, uint64_t size) {
  const unsigned char* from = in->at;
  if (in->problem != NULL) {
    return NULL;
  }
  if (size > (uint64_t)(in->end - in->at)) {
    in->problem = "the value file ends early";
    return NULL;
  }
  in->at += size;
  return from;
}

static uint64_t take_number(reader* in, int bytes) {
  const unsigned char* from = take(in, (uint64_t)bytes);
  uint64_t number = 0;
  int i;
  for (i = 0; from != NULL && i < bytes; ++i) {
    number |= (uint64_t)from[i] << (8 * i);
  }
  return number;
}

static void free_all(br_value** values, size_t count) {
  size_t i;
  for (i = 0; values != NULL && i < count; ++i) {
    br_value_free(values[i]);
  }
  free(values);
}

static br_value* decode(reader* in, int depth);

/* Any failure of the library while decoding means that memory ran out or a dict has a bad key. The
 * value is read here: C may evaluate it before the call that sets it, where both are arguments. */
static br_value* made(reader* in, br_status status, br_value* const* value) {
  if (status != BR_OK) {
    in->problem = status == BR_INVALID_ARGUMENT ? "the value file holds an impossible value"
                                                : "out of memory";
    return NULL;
  }
  return *value;
}

static br_value* decode_tensor(reader* in) {
  const int dtype = (int)take_number(in, 1);
  const size_t rank = (size_t)take_number(in, 1);
  const size_t item = value_file_item_size(dtype);
  int64_t shape[MAX_RANK];
  uint64_t size = item;
  br_value* value = NULL;
  const unsigned char* data;
  size_t i;
  if (in->problem == NULL && (item == 0 || rank > MAX_RANK)) {
    in->problem = "the value file holds a tensor of an unknown dtype or rank";
  }
  for (i = 0; in->problem == NULL && i < rank; ++i) {
    const uint64_t extent = take_number(in, 8);
    shape[i] = (int64_t)extent;
    if (shape[i] < 0 || (extent != 0 && size > UINT64_MAX / extent)) {
      in->problem = "the value file holds a tensor of an impossible shape";
    }
    size *= extent;
  }
  data = take(in, size);
  if (data == NULL) {
    return NULL;
  }
  return made(in,
              br_value_tensor_copy((br_dtype)dtype, rank, shape, data, (size_t)size, &value, NULL),
              &value);
}

static br_value* decode_text(reader* in) {
  const uint64_t size = take_number(in, 4);
  const unsigned char* text = take(in, size);
  br_value* value = NULL;
  if (text == NULL) {
    return NULL;
  }
  return made(in, br_value_new_string((const char*)text, (size_t)size, &value, NULL), &value);
}

static br_value* decode_complex(reader* in) {
  uint64_t bits[2];
  double parts[2];
  br_value* value = NULL;
  bits[0] = take_number(in, 8); /* the parts of an initializer have no order */
  bits[1] = take_number(in, 8);
  if (in->problem != NULL) {
    return NULL;
  }
  memcpy(parts, bits, sizeof(parts));
  return made(in, br_value_new_complex(parts[0], parts[1], &value, NULL), &value);
}

/* Every value takes a byte at least, so a count beyond the rest of the file needs no memory. */
static br_value* decode_container(reader* in, int tag, int depth) {
  const size_t parts = tag == TAG_DICT ? 2 : 1;
  const size_t count = (size_t)take_number(in, 4);
  br_value** keys = NULL;
  br_value** items = NULL;
  br_value* value = NULL;
  br_status status = BR_OK;
  size_t done = 0;
  if (in->problem == NULL && count > (size_t)(in->end - in->at) / parts) {
    in->problem = "the value file ends early";
  }
  if (in->problem == NULL) {
    keys = calloc(count + 1, sizeof(*keys));
    items = calloc(count + 1, sizeof(*items));
    if (keys == NULL || items == NULL) {
      in->problem = "out of memory";
    }
  }
  for (; in->problem == NULL && done < count; ++done) {
    if (tag == TAG_DICT) {
      keys[done] = decode(in, depth + 1);
    }
    items[done] = decode(in, depth + 1);
  }
  if (in->problem == NULL) {
    const br_value* const* all = (const br_value* const*)items;
    if (tag == TAG_LIST) {
      status = br_value_new_list(all, count, &value, NULL);
    } else if (tag == TAG_TUPLE) {
      status = br_value_new_tuple(all, count, &value, NULL);
    } else {
      status = br_value_new_dict((const br_value* const*)keys, all, count, &value, NULL);
    }
    value = made(in, status, &value);
  }
  free_all(keys, done);
  free_all(items, done);
  return value;
}

static br_value* decode(reader* in, int depth) {
  const int tag = (int)take_number(in, 1);
  br_value* value = NULL;
  uint64_t bits;
  double number;
  if (in->problem == NULL && depth > MAX_DEPTH) {
    in->problem = "the value file nests containers too deeply";
  }
  if (in->problem != NULL) {
    return NULL;
  }
  switch (tag) {
    case TAG_NONE:
      return made(in, br_value_new_none(&value, NULL), &value);
    case TAG_BOOL:
      bits = take_number(in, 1);
      if (bits > 1) {
        in->problem = "the value file holds an impossible bool";
      }
      return in->problem != NULL ? NULL
                                 : made(in, br_value_new_bool((int)bits, &value, NULL), &value);
    case TAG_INT:
      bits = take_number(in, 8);
      return in->problem != NULL ? NULL
                                 : made(in, br_value_new_int((int64_t)bits, &value, NULL), &value);
    case TAG_FLOAT:
      bits = take_number(in, 8);
      memcpy(&number, &bits, sizeof(number));
      return in->problem != NULL ? NULL
                                 : made(in, br_value_new_double(number, &value, NULL), &value);
    case TAG_COMPLEX:
      return decode_complex(in);
    case TAG_STR:
      return decode_text(in);
    case TAG_TENSOR:
      return decode_tensor(in);
    case TAG_LIST:
    case TAG_TUPLE:
    case TAG_DICT:
      return decode_container(in, tag, depth);
    default:
      in->problem = "the value file holds something that is no input";
      return NULL;
  }
}

br_value* value_file_decode(const unsigned char* data, size_t size, const char** problem) {
  reader in;
  br_value* value;
  if (size < sizeof(header) || memcmp(data, header, sizeof(header)) != 0) {
    *problem = "not a value file, or one of another version";
    return NULL;
  }
  in.at = data + sizeof(header);
  in.end = data + size;
  in.problem = NULL;
  value = decode(&in, 0);
  if (in.problem == NULL && in.at != in.end) {
    in.problem = "the value file goes on after its value";
  }
  if (in.problem != NULL) {
    br_value_free(value);
    *problem = in.problem;
    return NULL;
  }
  return value;
}

/* ---- Encoding ---- */

static const char* encode(buffer* out, const br_value* value, int depth);

static void put_text(buffer* out, int tag, const char* text, size_t size) {
  put_byte(out, tag);
  put_number(out, size, 4);
  put(out, text, size);
}

void value_file_header(buffer* out) {
  put(out, header, sizeof(header));
}

void value_file_list(buffer* out, uint32_t count) {
  put_byte(out, TAG_LIST);
  put_number(out, count, 4);
}

void value_file_failure(buffer* out, const char* message) {
  put_text(out, TAG_FAILURE, message, strlen(message));
}

static const char* encode_tensor(buffer* out, const br_value* value, int depth) {
  br_tensor tensor;
  br_value* parameters = NULL;
  const char* problem = NULL;
  unsigned char* place;
  int dtype;
  size_t size;
  size_t i;
  if (br_value_tensor(value, &tensor, NULL) != BR_OK) {
    return "the result holds a tensor that is not dense, or of more bytes than memory";
  }
  dtype = stored_dtype(tensor.dtype);
  if (dtype >= 0) {
    put_byte(out, TAG_QUANTIZED);
    put_byte(out, tensor.dtype);
    if (br_value_quantization(value, &parameters, NULL) != BR_OK) {
      return "the result holds a quantized tensor that cannot be read";
    }
  } else {
    dtype = tensor.dtype;
  }
  if (value_file_item_size(dtype) != tensor.element_size || tensor.rank > MAX_RANK) {
    br_value_free(parameters);
    return "the result holds a tensor of a dtype that value files do not hold";
  }
  put_byte(out, TAG_TENSOR);
  put_byte(out, dtype);
  put_byte(out, (int)tensor.rank);
  for (i = 0; i < tensor.rank; ++i) {
    put_number(out, (uint64_t)tensor.shape[i], 8);
  }
  size = tensor.element_count * tensor.element_size;
  place = extend(out, size);
  if (place != NULL && br_value_tensor_read(value, place, size, NULL) != BR_OK) {
    problem = "the result holds a tensor that cannot be read";
  } else if (parameters != NULL) {
    problem = encode(out, parameters, depth + 1);
  }
  br_value_free(parameters);
  return problem;
}

static const char* encode_device(buffer* out, const br_value* value) {
  br_value* name = NULL;
  const char* text = NULL;
  size_t size = 0;
  if (br_value_device(value, &name, NULL) != BR_OK ||
      br_value_string(name, &text, &size, NULL) != BR_OK) {
    br_value_free(name);
    return "out of memory";
  }
  put_text(out, TAG_DEVICE, text, size);
  br_value_free(name);
  return NULL;
}

static void encode_complex(buffer* out, const br_value* value) {
  double parts[2] = {0, 0};
  uint64_t bits[2];
  br_value_complex(value, &parts[0], &parts[1], NULL);
  memcpy(bits, parts, sizeof(bits));
  put_byte(out, TAG_COMPLEX);
  put_number(out, bits[0], 8);
  put_number(out, bits[1], 8);
}

/* Objects become dicts of their attributes. */
static const char* encode_container(buffer* out, const br_value* value, br_kind kind, int depth) {
  const size_t count = br_value_size(value);
  br_value** keys = calloc(count + 1, sizeof(*keys));
  br_value** items = calloc(count + 1, sizeof(*items));
  const int keyed = kind == BR_KIND_DICT || kind == BR_KIND_OBJECT;
  const int tag = kind == BR_KIND_LIST ? TAG_LIST : TAG_TUPLE;
  const char* problem = NULL;
  size_t i;
  if (count > UINT32_MAX) {
    problem = "the result holds a container of more than 4 billion items";
  } else if (keys == NULL || items == NULL || br_value_entries(value, keys, items, NULL) != BR_OK) {
    problem = "out of memory";
  }
  put_byte(out, keyed ? TAG_DICT : tag);
  put_number(out, count, 4);
  for (i = 0; problem == NULL && i < count; ++i) {
    if (keyed) {
      problem = encode(out, keys[i], depth + 1);
    }
    if (problem == NULL) {
      problem = encode(out, items[i], depth + 1);
    }
  }
  free_all(keys, count);
  free_all(items, count);
  return problem;
}

static const char* encode(buffer* out, const br_value* value, int depth) {
  const br_kind kind = br_value_kind(value);
  const char* text = NULL;
  size_t size = 0;
  int64_t number = 0;
  double real = 0;
  uint64_t bits;
  int flag = 0;
  if (depth > MAX_DEPTH) {
    return "the result nests containers too deeply";
  }
  switch (kind) {
    case BR_KIND_NONE:
      put_byte(out, TAG_NONE);
      return NULL;
    case BR_KIND_BOOL:
      br_value_bool(value, &flag, NULL);
      put_byte(out, TAG_BOOL);
      put_byte(out, flag);
      return NULL;
    case BR_KIND_INT:
      br_value_int(value, &number, NULL);
      put_byte(out, TAG_INT);
      put_number(out, (uint64_t)number, 8);
      return NULL;
    case BR_KIND_DOUBLE:
      br_value_double(value, &real, NULL);
      memcpy(&bits, &real, sizeof(bits));
      put_byte(out, TAG_FLOAT);
      put_number(out, bits, 8);
      return NULL;
    case BR_KIND_STRING:
      br_value_string(value, &text, &size, NULL);
      if (size > UINT32_MAX) {
        return "the result holds a text of more than 4 GB";
      }
      put_text(out, TAG_STR, text, size);
      return NULL;
    case BR_KIND_TENSOR:
      return encode_tensor(out, value, depth);
    case BR_KIND_LIST:
    case BR_KIND_TUPLE:
    case BR_KIND_DICT:
    case BR_KIND_OBJECT:
      return encode_container(out, value, kind, depth);
    case BR_KIND_COMPLEX:
      encode_complex(out, value);
      return NULL;
    case BR_KIND_DEVICE:
      return encode_device(out, value);
    case BR_KIND_OTHER:
      break;
  }
  return "the result holds a value that value files do not hold";
}

const char* value_file_encode(buffer* out, const br_value* value) {
  const size_t start = out->size;
  const char* problem = encode(out, value, 0);
  if (problem != NULL) {
    out->size = start;
  }
  return problem;
}
