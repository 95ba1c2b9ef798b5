#pragma once

#include <stddef.h>

namespace caffe2::serialize {

struct Bytes {
  const char* data;
  size_t size;
};

// Returns the bytes of a record that is stored as it is; throws c10::Error if there is none.
Bytes read_record(Bytes archive, const char* name);

} // namespace caffe2::serialize
