// at::native::layer_norm_cpu of floats, several at a time. Other dtypes are left to upstream's
// kernel. See Note [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/normalization.h"

#include <ATen/Parallel.h>
#include <ATen/native/cpu/mixed_data_type.h>
#include <ATen/native/layer_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_layer_norm_native.h>

namespace build_runtime {
namespace {

void normalise_row(const float* from, float* to, int64_t count, const Moments& moments,
                   const Affine& affine) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t here = std::min(kLanes, count - i);
    Lanes x = (load(from + i, here) - moments.mean) * moments.rstd;
    x = affine.scale != nullptr ? x * load(affine.scale + i, here) : x;
    x = affine.shift != nullptr ? x + load(affine.shift + i, here) : x;
    store(x, to + i, here);
  }
}

void normalise_rows(const at::Tensor& input, const Affine& affine, int64_t rows, int64_t width,
                    double eps, const Normalised& results) {
  const auto* from = input.const_data_ptr<float>();
  auto* to = results.made.mutable_data_ptr<float>();
  at::parallel_for(0, rows, rows_for_a_thread(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* numbers = from + row * width;
      const Moments moments = moments_of(numbers, width, eps);
      normalise_row(numbers, to + row * width, width, moments, affine);
      results.note(row, moments);
    }
  });
}

} // namespace
} // namespace build_runtime

namespace at::native {

using namespace build_runtime;

std::tuple<at::Tensor, at::Tensor, at::Tensor> layer_norm_cpu(
    const at::Tensor& input, at::IntArrayRef normalized_shape,
    const std::optional<at::Tensor>& weight, const std::optional<at::Tensor>& bias, double eps) {
  const at::Tensor gamma = contiguous(weight);
  const at::Tensor beta = contiguous(bias);
  const bool mixed = is_mixed_type(input, gamma, beta);
  if (mixed) {
    check_mixed_data_type(input, gamma, beta);
  }
  const auto [rows, width] = _check_layer_norm_inputs(input, normalized_shape, gamma, beta);
  const at::Tensor from = input.contiguous();
  const auto options = from.options().dtype(param_scalar_type(input, mixed));
  Normalised results{at::empty_like(from, at::MemoryFormat::Contiguous), at::empty({rows}, options),
                     at::empty({rows}, options)};
  if (are_floats(input, gamma, beta)) {
    normalise_rows(from, Affine(gamma, beta), rows, width, eps, results);
  } else {
    LayerNormKernel(at::kCPU, from, gamma, beta, rows, width, eps, &results.made, &results.mean,
                    &results.rstd);
  }
  at::DimVector kept(input.dim(), 1);
  std::copy_n(input.sizes().begin(), kept.size() - normalized_shape.size(), kept.begin());
  return {results.made, results.mean.view(kept), results.rstd.view(kept)};
}

} // namespace at::native
