// Included before ATen/native/transformers/attention.cpp: attention of groups divides the heads of
// the query by those of key and value, also where these have none.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/scaled_dot_product_attention_native.h>

namespace at::native {

Tensor attention_of_heads(const Tensor& query, const Tensor& key, const Tensor& value,
                          const std::optional<Tensor>& mask, double dropout, bool is_causal,
                          std::optional<double> scale, bool enable_gqa);

Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const std::optional<Tensor>& mask, double dropout,
                                    bool is_causal, std::optional<double> scale, bool enable_gqa) {
  TORCH_CHECK(!enable_gqa || (key.size(-3) > 0 && value.size(-3) > 0),
              "scaled_dot_product_attention: key and value have no heads");
  return attention_of_heads(query, key, value, mask, dropout, is_causal, scale, enable_gqa);
}

} // namespace at::native

#define scaled_dot_product_attention attention_of_heads
