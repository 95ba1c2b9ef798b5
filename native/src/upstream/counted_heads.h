// Included before ATen/native/transformers/attention.cpp, which divides by numbers of heads: those
// that it is told, and in groups those of key and value. There may be none.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/_native_multi_head_attention_native.h>
#include <ATen/ops/_transform_bias_rescale_qkv_native.h>
#include <ATen/ops/scaled_dot_product_attention_native.h>

namespace at::native {

Tensor attention_of_heads(const Tensor& query, const Tensor& key, const Tensor& value,
                          const std::optional<Tensor>& mask, double dropout, bool is_causal,
                          std::optional<double> scale, bool enable_gqa);
std::tuple<Tensor, Tensor> multi_head_attention_of_heads(
    const Tensor& query, const Tensor& key, const Tensor& value, int64_t width, int64_t heads,
    const Tensor& weight, const Tensor& bias, const Tensor& out_weight, const Tensor& out_bias,
    const std::optional<Tensor>& mask, bool need_weights, bool average_weights,
    std::optional<int64_t> mask_type);
std::tuple<Tensor, Tensor, Tensor> split_into_heads(const Tensor& qkv, const Tensor& bias,
                                                    int64_t heads);

inline void check_heads(bool some) {
  TORCH_CHECK(some, "attention: there are no heads");
}

Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const std::optional<Tensor>& mask, double dropout,
                                    bool is_causal, std::optional<double> scale, bool enable_gqa) {
  check_heads(!enable_gqa || (key.size(-3) > 0 && value.size(-3) > 0));
  return attention_of_heads(query, key, value, mask, dropout, is_causal, scale, enable_gqa);
}

std::tuple<Tensor, Tensor> native_multi_head_attention_cpu(
    const Tensor& query, const Tensor& key, const Tensor& value, int64_t width, int64_t heads,
    const Tensor& weight, const Tensor& bias, const Tensor& out_weight, const Tensor& out_bias,
    const std::optional<Tensor>& mask, bool need_weights, bool average_weights,
    std::optional<int64_t> mask_type) {
  check_heads(heads > 0);
  return multi_head_attention_of_heads(query, key, value, width, heads, weight, bias, out_weight,
                                       out_bias, mask, need_weights, average_weights, mask_type);
}

std::tuple<Tensor, Tensor, Tensor> transform_bias_rescale_qkv_cpu(const Tensor& qkv,
                                                                  const Tensor& bias,
                                                                  int64_t heads) {
  check_heads(heads > 0);
  return split_into_heads(qkv, bias, heads);
}

} // namespace at::native

#define scaled_dot_product_attention attention_of_heads
#define native_multi_head_attention_cpu multi_head_attention_of_heads
#define transform_bias_rescale_qkv_cpu split_into_heads
