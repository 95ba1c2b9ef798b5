// Included before ATen/native/Sorting.cpp: a median goes through elements that lie side by side.
//
// LibTorch copies a tensor for that where they are apart, and not where they are all the same one
// (`x.expand(4, -1).median(0)`): then it goes on into what lies behind.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/median_native.h>
#include <ATen/ops/nanmedian_native.h>

#include <algorithm>

namespace at::native {

using Medians = std::tuple<Tensor&, Tensor&>;

Medians median_of_own(const Tensor& self, int64_t dim, bool keepdim, Tensor& values,
                      Tensor& indices);
Medians nanmedian_of_own(const Tensor& self, int64_t dim, bool keepdim, Tensor& values,
                         Tensor& indices);

inline Tensor with_own_elements(const Tensor& self) {
  const IntArrayRef strides = self.strides();
  const bool repeated = std::find(strides.begin(), strides.end(), 0) != strides.end();
  return repeated ? self.contiguous() : self;
}

Medians median_out_cpu(const Tensor& self, int64_t dim, bool keepdim, Tensor& values,
                       Tensor& indices) {
  return median_of_own(with_own_elements(self), dim, keepdim, values, indices);
}

Medians nanmedian_out_cpu(const Tensor& self, int64_t dim, bool keepdim, Tensor& values,
                          Tensor& indices) {
  return nanmedian_of_own(with_own_elements(self), dim, keepdim, values, indices);
}

} // namespace at::native

#define median_out_cpu median_of_own
#define nanmedian_out_cpu nanmedian_of_own
