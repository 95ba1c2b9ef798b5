// Included before ATen/native/EmbeddingBag.cpp, which takes every mode it does not know for the
// largest element, and has no room for that.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/_embedding_bag_forward_only_native.h>
#include <ATen/ops/_embedding_bag_native.h>

namespace at::native {

using Bags = std::tuple<Tensor, Tensor, Tensor, Tensor>;

Bags bags_of_known_mode(const Tensor& weight, const Tensor& indices, const Tensor& offsets,
                        bool scale, int64_t mode, bool sparse, const std::optional<Tensor>& weights,
                        bool include_last, int64_t padding);
Bags forward_bags_of_known_mode(const Tensor& weight, const Tensor& indices, const Tensor& offsets,
                                bool scale, int64_t mode, bool sparse,
                                const std::optional<Tensor>& weights, bool include_last,
                                int64_t padding);

inline void check_mode(int64_t mode) {
  TORCH_CHECK(mode >= 0 && mode <= 2, "embedding_bag: there is no mode ", mode);
}

Bags _embedding_bag_cpu(const Tensor& weight, const Tensor& indices, const Tensor& offsets,
                        bool scale, int64_t mode, bool sparse, const std::optional<Tensor>& weights,
                        bool include_last, int64_t padding) {
  check_mode(mode);
  return bags_of_known_mode(weight, indices, offsets, scale, mode, sparse, weights, include_last,
                            padding);
}

Bags _embedding_bag_forward_only_cpu(const Tensor& weight, const Tensor& indices,
                                     const Tensor& offsets, bool scale, int64_t mode, bool sparse,
                                     const std::optional<Tensor>& weights, bool include_last,
                                     int64_t padding) {
  check_mode(mode);
  return forward_bags_of_known_mode(weight, indices, offsets, scale, mode, sparse, weights,
                                    include_last, padding);
}

} // namespace at::native

#define _embedding_bag_cpu bags_of_known_mode
#define _embedding_bag_forward_only_cpu forward_bags_of_known_mode
