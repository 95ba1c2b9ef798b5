#pragma once

#include <c10/core/TensorImpl.h>

#define TORCH_API

namespace at {

class Tensor {
 public:
  explicit Tensor(const c10::TensorImpl& impl) : impl_(impl) {}

  ScalarType dtype() const { return impl_.dtype; }
  bool is_sparse() const { return sparse_; }
  size_t count() const { return impl_.size / c10::element_size(impl_.dtype); }
  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(impl_.bytes);
  }
  template <class T>
  T* data() {
    return reinterpret_cast<T*>(impl_.bytes);
  }
  const c10::TensorImpl& impl() const { return impl_; }

 private:
  c10::TensorImpl impl_;
  bool sparse_ = false; // nothing in this library makes such a tensor
};

} // namespace at
