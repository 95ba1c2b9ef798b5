// Included before ATen/native/TensorShape.cpp: a tensor that is given other memory has room there.
//
// LibTorch makes the memory larger where it is too small, but only for sizes that are new: a float
// set to the memory of a bool (`x.set_(flag)`) had one byte for its four.
#pragma once
#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/set_native.h>

namespace at::native {

Tensor& set_storage_of_any_size(Tensor& result, Storage storage, int64_t offset, IntArrayRef sizes,
                                IntArrayRef strides);

Tensor& set_storage_cpu_(Tensor& result, Storage storage, int64_t offset, IntArrayRef sizes,
                         IntArrayRef strides) {
  set_storage_of_any_size(result, std::move(storage), offset, sizes, strides);
  TensorImpl* const self = result.unsafeGetTensorImpl();
  try {
    maybe_resize_storage_cpu(
        self, at::detail::computeStorageNbytes(self->sizes(), self->strides(),
                                               self->dtype().itemsize(), self->storage_offset()));
  } catch (...) {
    self->set_sizes_contiguous({0});
    self->set_storage_offset(0);
    throw;
  }
  return result;
}

} // namespace at::native

#define set_storage_cpu_ set_storage_of_any_size
