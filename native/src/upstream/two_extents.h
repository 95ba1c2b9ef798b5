// Included before ATen/native/MaxUnpooling.cpp, which reads two extents of the output before it
// checks that there are two.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/max_unpool2d_native.h>

namespace at::native {

Tensor unpool_to_extents(const Tensor& self, const Tensor& indices, IntArrayRef extents);
Tensor& unpool_to_extents_out(const Tensor& self, const Tensor& indices, IntArrayRef extents,
                              Tensor& out);

inline void check_two_extents(IntArrayRef extents) {
  TORCH_CHECK(extents.size() == 2, "max_unpool2d: the output has no two extents");
}

Tensor max_unpooling2d_forward_cpu(const Tensor& self, const Tensor& indices, IntArrayRef extents) {
  check_two_extents(extents);
  return unpool_to_extents(self, indices, extents);
}

Tensor& max_unpooling2d_forward_out_cpu(const Tensor& self, const Tensor& indices,
                                        IntArrayRef extents, Tensor& out) {
  check_two_extents(extents);
  return unpool_to_extents_out(self, indices, extents, out);
}

} // namespace at::native

#define max_unpooling2d_forward_cpu unpool_to_extents
#define max_unpooling2d_forward_out_cpu unpool_to_extents_out
