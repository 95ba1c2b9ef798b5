// Included before ATen/native/Resize.cpp: a tensor that could not be resized is empty.
//
// LibTorch gives a tensor its new sizes before it makes room for them. When there is none, the
// sizes stay: a module that kept the tensor would read and write beyond its memory at the next
// call. See also Note [Sizes that overflow] in checked_sizes.h. The functions below are those which
// can throw once the sizes are new; where they are called, `self` is the tensor.
#pragma once
#include <ATen/EmptyTensor.h>
#include <ATen/native/Resize.h>

namespace at::detail {

template <class Function>
auto or_empty(c10::TensorImpl* tensor, const Function& function) {
  try {
    return function();
  } catch (...) {
    tensor->set_sizes_contiguous({0});
    throw;
  }
}

} // namespace at::detail

#define computeStorageNbytes(...) \
  or_empty(self, [&] { return at::detail::computeStorageNbytes(__VA_ARGS__); })
#define computeStorageNbytesContiguous(...) \
  or_empty(self, [&] { return at::detail::computeStorageNbytesContiguous(__VA_ARGS__); })
#define maybe_resize_storage_cpu(...) \
  at::detail::or_empty(self, [&] { at::native::maybe_resize_storage_cpu(__VA_ARGS__); })
