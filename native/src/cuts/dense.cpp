// What is left of `select` and `item` where tensors are dense: LibTorch's have branches for sparse
// and quantized ones, which call a dozen other operators.
//
// Failed checks name upstream's files: what an error says must not depend on what else a runtime is
// built for.
#include "registry/missing_feature.h"

#include <ATen/NamedTensorUtils.h>
#include <ATen/WrapDimUtils.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_local_scalar_dense.h>
#include <ATen/ops/as_strided.h>
#include <ATen/ops/item_native.h>
#include <ATen/ops/select_native.h>
#include <c10/util/Exception.h>

namespace {

void check_dense(const at::Tensor& tensor) {
  if (tensor.is_sparse() || tensor.is_quantized()) {
    build_runtime::missing_feature("sparse and quantized tensors");
  }
}

} // namespace

namespace at::native {

#line 1 "native/TensorShape.cpp"
Tensor select_symint(const Tensor& self, int64_t dim,
                     c10::SymInt index) { // NOLINT(performance-unnecessary-value-param)
  if (self.dim() == 0) {
    TORCH_CHECK_INDEX(false, "select() cannot be applied to a 0-dim tensor.");
  }
  check_dense(self);
  dim = maybe_wrap_dim(dim, self.dim());
  const int64_t size = self.size(dim);
  const int64_t asked = index.guard_int(__FILE__, __LINE__);
  if (asked >= size || -1 - asked >= size) {
    const Dimname name = self.has_names() ? self.names()[dim] : Dimname::wildcard();
    if (name != Dimname::wildcard()) {
      TORCH_CHECK_INDEX(false, "select(): index ", asked, " out of range for tensor of size ",
                        self.sizes(), " at dimension ", name);
    }
    TORCH_CHECK_INDEX(false, "select(): index ", asked, " out of range for tensor of size ",
                      self.sizes(), " at dimension ", dim);
  }
  DimVector sizes(self.sizes());
  DimVector strides(self.strides());
  const int64_t offset = self.storage_offset() + (asked < 0 ? asked + size : asked) * strides[dim];
  sizes.erase(sizes.begin() + dim);
  strides.erase(strides.begin() + dim);
  Tensor result = at::as_strided(self, sizes, strides, offset);
  namedinference::propagate_names_except(result, self, {dim});
  return result;
}

#line 1 "native/Scalar.cpp"
Scalar item(const Tensor& self) {
  const int64_t numel = self.numel();
  TORCH_CHECK(numel == 1, "a Tensor with ", numel, " elements cannot be converted to Scalar");
  check_dense(self);
  return at::_local_scalar_dense(self);
}

} // namespace at::native
