#include "api/value_file.h"

#include <c10/util/Exception.h>

#include <string.h>

namespace build_runtime {
namespace {

constexpr char header[] = {'B', 'R', 'V', 'F', 1, 0, 0, 0, 6}; // the last one: a list
constexpr char one_argument[] = {7, 1, 0, 0, 0, 5};            // a tuple of one, a tensor

class Reader {
 public:
  Reader(const char* file, size_t size) : at_(file), left_(size) {}

  const char* take(uint64_t size) {
    if (size > left_) {
      c10::fail("a value file ends early");
    }
    const char* taken = at_;
    at_ += size;
    left_ -= size;
    return taken;
  }

  uint64_t number(size_t size) {
    const char* bytes = take(size);
    uint64_t value = 0;
    for (size_t byte = size; byte > 0; --byte) {
      value = value << 8 | static_cast<uint8_t>(bytes[byte - 1]);
    }
    return value;
  }

  template <size_t Size>
  void expect(const char (&wanted)[Size]) {
    if (memcmp(take(Size), wanted, Size) != 0) {
      c10::fail("mini_torch runs cases of one tensor each");
    }
  }

  at::Tensor argument() {
    expect(one_argument);
    const auto dtype = static_cast<c10::ScalarType>(number(1));
    const size_t rank = number(1);
    int64_t sizes[c10::max_rank] = {};
    uint64_t size = c10::element_size(dtype);
    for (size_t i = 0; i < rank && i < c10::max_rank; ++i) {
      const uint64_t length = number(8);
      sizes[i] = static_cast<int64_t>(length);
      if (__builtin_mul_overflow(size, length, &size)) {
        c10::fail("a tensor is too large");
      }
    }
    return at::Tensor(c10::TensorImpl(dtype, sizes, rank, take(size), size));
  }

 private:
  const char* at_;
  size_t left_;
};

class Writer {
 public:
  explicit Writer(char* out) : at_(out) {}

  void bytes(const void* data, size_t size) {
    memcpy(at_, data, size);
    at_ += size;
  }

  void number(uint64_t value, size_t size) {
    for (size_t byte = 0; byte < size; ++byte) {
      *at_++ = static_cast<char>(value >> (8 * byte));
    }
  }

  void tensor(const c10::TensorImpl& impl) {
    number(5, 1);
    number(static_cast<uint64_t>(impl.dtype), 1);
    number(impl.rank, 1);
    for (size_t i = 0; i < impl.rank; ++i) {
      number(static_cast<uint64_t>(impl.sizes[i]), 8);
    }
    bytes(impl.bytes, impl.size);
  }

  const char* end() const { return at_; }

 private:
  char* at_;
};

} // namespace

size_t run_cases(const torch::jit::mobile::Module& module, const char* file, size_t size,
                 char* out) {
  Reader reader(file, size);
  reader.expect(header);
  const uint64_t count = reader.number(4);
  Writer writer(out);
  writer.bytes(header, sizeof(header));
  writer.number(count, 4);
  for (uint64_t i = 0; i < count; ++i) {
    writer.tensor(module.run(reader.argument()).impl());
  }
  return static_cast<size_t>(writer.end() - out);
}

} // namespace build_runtime
