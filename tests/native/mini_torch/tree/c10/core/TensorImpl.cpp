#include <c10/core/TensorImpl.h>

#include <c10/util/Exception.h>

#include <string.h>

namespace c10 {

TensorImpl::TensorImpl(ScalarType type, const int64_t* lengths, size_t count, const void* elements,
                       size_t length)
    : dtype(type), rank(count), size(length) {
  if (rank > max_rank) {
    fail("a tensor has too many dimensions");
  }
  for (size_t i = 0; i < rank; ++i) {
    sizes[i] = lengths[i];
  }
  bytes = new unsigned char[size];
  memcpy(bytes, elements, size);
}

TensorImpl::TensorImpl(const TensorImpl& other)
    : TensorImpl(other.dtype, other.sizes, other.rank, other.bytes, other.size) {}

TensorImpl& TensorImpl::operator=(TensorImpl other) {
  dtype = other.dtype;
  rank = other.rank;
  size = other.size;
  memcpy(sizes, other.sizes, sizeof(sizes));
  unsigned char* old = bytes;
  bytes = other.bytes;
  other.bytes = old;
  return *this;
}

TensorImpl::~TensorImpl() {
  delete[] bytes;
}

size_t element_size(ScalarType dtype) {
  switch (dtype) {
    case ScalarType::Float:
      return sizeof(float);
    case ScalarType::Double:
      return sizeof(double);
    default:
      fail("mini_torch computes with floats and doubles alone");
  }
}

} // namespace c10
