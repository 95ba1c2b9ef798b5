// Included before ATen/native/PackedSequence.cpp; see falling_batches.h.
#pragma once
#include <ATen/ops/_pad_packed_sequence_native.h>

#include "falling_batches.h"

namespace at::native {

std::tuple<Tensor, Tensor> pad_falling_batches(const Tensor& data, const Tensor& batch_sizes,
                                               bool batch_first, const Scalar& padding_value,
                                               int64_t total_length);

std::tuple<Tensor, Tensor> _pad_packed_sequence(const Tensor& data, const Tensor& batch_sizes,
                                                bool batch_first, const Scalar& padding_value,
                                                int64_t total_length) {
  TORCH_CHECK(data.dim() > 0, "the data of packed sequences has no dimension");
  return pad_falling_batches(data, checked_batches(batch_sizes), batch_first, padding_value,
                             total_length);
}

} // namespace at::native

#define _pad_packed_sequence pad_falling_batches
