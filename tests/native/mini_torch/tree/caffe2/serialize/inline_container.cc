#include <caffe2/serialize/inline_container.h>

#include <c10/util/Exception.h>

#include <stdint.h>
#include <string.h>

extern "C" uint32_t mini_crc(const unsigned char* data, unsigned long size);

namespace caffe2::serialize {
namespace {

constexpr size_t header_size = 30;

uint32_t number(const char* bytes, size_t size) {
  uint32_t value = 0;
  for (size_t byte = size; byte > 0; --byte) {
    value = value << 8 | static_cast<uint8_t>(bytes[byte - 1]);
  }
  return value;
}

// The next header of a kind; an empty rest when there is none.
Bytes find(Bytes in, const char* signature) {
  for (; in.size >= header_size; ++in.data, --in.size) {
    if (memcmp(in.data, signature, 4) == 0) {
      return in;
    }
  }
  return {in.data, 0};
}

bool is_named(Bytes header, const char* name) {
  const size_t size = number(header.data + 26, 2);
  const size_t wanted = strlen(name);
  return size > wanted && header_size + size <= header.size &&
      memcmp(header.data + header_size + size - wanted, name, wanted) == 0;
}

Bytes content(Bytes header, const char* name) {
  const size_t before = header_size + number(header.data + 26, 2) + number(header.data + 28, 2);
  if (before > header.size) {
    c10::fail("a record is cut off", name);
  }
  const Bytes rest = {header.data + before, header.size - before};
  const Bytes descriptor = find(rest, "PK\7\x08");
  const size_t size = static_cast<size_t>(descriptor.data - rest.data);
  if (descriptor.size == 0 ||
      mini_crc(reinterpret_cast<const unsigned char*>(rest.data), size) != number(descriptor.data + 4, 4)) {
    c10::fail("a record is damaged", name);
  }
  return {rest.data, size};
}

} // namespace

Bytes read_record(Bytes archive, const char* name) {
  Bytes header = find(archive, "PK\3\4");
  while (header.size != 0 && !is_named(header, name)) {
    header = find({header.data + 4, header.size - 4}, "PK\3\4");
  }
  if (header.size == 0) {
    c10::fail("not a model, it lacks a record", name);
  }
  return content(header, name);
}

} // namespace caffe2::serialize
