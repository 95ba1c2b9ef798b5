// How many sequences of a packed batch there are at each step. LibTorch takes the numbers as they
// are, though any model can make some: it wrote in front of the lengths where they rise again.
#pragma once
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <functional>

namespace at::native {

// The same, one behind the other; throws unless there are some, and none is larger than before.
inline Tensor checked_batches(const Tensor& batches) {
  TORCH_CHECK(batches.dim() == 1 && batches.numel() > 0 && batches.scalar_type() == kLong,
              "the batch sizes of packed sequences are no int64 numbers");
  Tensor made = batches.contiguous();
  const auto* const first = made.const_data_ptr<int64_t>();
  const auto* const last = first + made.numel();
  TORCH_CHECK(last[-1] >= 0 && std::is_sorted(first, last, std::greater<>()),
              "the batch sizes of packed sequences do not fall");
  return made;
}

} // namespace at::native
