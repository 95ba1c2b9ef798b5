/* Value files in C: the format is described in builder/vocabulary/value_files.py. */
#ifndef BUILD_RUNTIME_VALUE_FILE_H
#define BUILD_RUNTIME_VALUE_FILE_H

#include "build_runtime.h"

/* Bytes that grow. `failed` is set, and stays set, once memory ran out. */
typedef struct buffer {
  unsigned char* data;
  size_t size;
  size_t capacity;
  int failed;
} buffer;

void buffer_free(buffer* out);

/* Read a whole file: 0, or -1 with errno set. */
int buffer_read_file(buffer* out, const char* path);

/* Replace a file in one step: 0, or -1 with errno set. */
int buffer_write_file(const buffer* content, const char* path);

/* Decode a value file. NULL on failure, with a static text in *problem. */
br_value* value_file_decode(const unsigned char* data, size_t size, const char** problem);

/* Encode piece by piece: the header once, then one value. Lists of results are written as a list
 * head followed by their items. Returns NULL, or a static text that says what cannot be encoded; in
 * that case nothing was appended. */
void value_file_header(buffer* out);
void value_file_list(buffer* out, uint32_t count);
void value_file_failure(buffer* out, const char* message);
const char* value_file_encode(buffer* out, const br_value* value);

/* Bytes of one element, or 0 for a dtype that value files do not hold. */
size_t value_file_item_size(int dtype);
/* The dtype's name in PyTorch, or "unknown". */
const char* value_file_dtype_name(int dtype);

#endif
