// Included before ATen/native/Histogram.cpp: every element is counted in a bin that exists.
//
// Bins of one width are found by a division in the dtype of the input. Where the range is so wide
// that it overflows there, or the bins are so many that the quotient is rounded up, LibTorch counts
// in front of or behind the histogram. The position grows with the element, so that of the
// rightmost edge is the largest there is.
#pragma once
#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/native/Histogram.h>

namespace at::native {

template <class Scalar>
bool last_bin_exists(const Tensor& edges) {
  const int64_t bins = edges.numel() - 1;
  const Scalar left = *edges.const_data_ptr<Scalar>();
  const Scalar right = edges.const_data_ptr<Scalar>()[bins * edges.stride(0)];
  const double last = static_cast<double>((right - left) * bins / (right - left));
  return last < static_cast<double>(edges.numel()); // false for what is not a number
}

inline void check_positions_exist(ScalarType dtype, TensorList edges) {
  AT_DISPATCH_FLOATING_TYPES_AND2(kBFloat16, kHalf, dtype, "histogram_cpu", [&] {
    for (const Tensor& edge : edges) {
      TORCH_CHECK(last_bin_exists<scalar_t>(edge),
                  "histogram: the range or the number of bins is too large for ", dtype);
    }
  });
}

} // namespace at::native

#define histogramdd_linear_stub(device, self, weight, density, hist, edges, search) \
  (check_positions_exist((self).scalar_type(), edges),                              \
   histogramdd_linear_stub(device, self, weight, density, hist, edges, search))
