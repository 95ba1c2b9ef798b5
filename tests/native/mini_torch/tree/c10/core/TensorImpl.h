#pragma once

#include <c10/core/ScalarType.h>

#include <stddef.h>
#include <stdint.h>

namespace c10 {

constexpr size_t max_rank = 8;

// A dense tensor that owns its elements, row-major; a copy has its own.
struct TensorImpl {
  TensorImpl() = default;
  TensorImpl(ScalarType dtype, const int64_t* sizes, size_t rank, const void* elements,
             size_t size);
  TensorImpl(const TensorImpl& other);
  TensorImpl& operator=(TensorImpl other);
  ~TensorImpl();

  ScalarType dtype = ScalarType::Float;
  size_t rank = 0;
  int64_t sizes[max_rank] = {};
  size_t size = 0; // bytes
  unsigned char* bytes = nullptr;
};

// Bytes of one element; throws for a dtype that this library cannot compute with.
size_t element_size(ScalarType dtype);

} // namespace c10
