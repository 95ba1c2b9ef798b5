// at::native::native_group_norm of floats, several at a time. Other dtypes, and images whose
// channels lie side by side, are left to upstream's kernel. See Note [Replacements] in
// builder/libtorch/closure/replacements.py.
#include "kernels/normalization.h"
#include "kernels/xnnpack.h"

#include <ATen/Parallel.h>
#include <ATen/native/cpu/mixed_data_type.h>
#include <ATen/native/group_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_group_norm_native.h>

namespace build_runtime {
namespace {

// One channel, whose numbers all have one scale and shift.
void normalise_channel(const float* from, float* to, int64_t count, const Moments& moments,
                       const Affine& affine, int64_t channel) {
  const float scale = moments.rstd * (affine.scale != nullptr ? affine.scale[channel] : 1.0F);
  const float shift = affine.shift != nullptr ? affine.shift[channel] : 0.0F;
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t here = std::min(kLanes, count - i);
    store((load(from + i, here) - moments.mean) * scale + shift, to + i, here);
  }
}

// `channels` are those of one group, each of `width` numbers; `groups` are those of one image.
struct Groups {
  int64_t groups;
  int64_t channels;
  int64_t width;
};

void normalise_groups(const at::Tensor& input, const Affine& affine, int64_t images,
                      const Groups& size, double eps, const Normalised& results) {
  const auto* from = input.const_data_ptr<float>();
  auto* to = results.made.mutable_data_ptr<float>();
  const int64_t count = size.channels * size.width;
  const int64_t grain = rows_for_a_thread(count);
  at::parallel_for(0, images * size.groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      const Moments moments = moments_of(from + group * count, count, eps);
      for (int64_t channel = 0; channel < size.channels; ++channel) {
        const int64_t first = group * count + channel * size.width;
        normalise_channel(from + first, to + first, size.width, moments, affine,
                          group % size.groups * size.channels + channel);
      }
      results.note(group, moments);
    }
  });
}

// Throws an error unless all parts are of one input.
void check_groups(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                  int64_t images, int64_t channels, int64_t width, int64_t groups) {
  if (std::min({images, channels, width}) < 0 || !fits({images, channels, width}) ||
      images * channels * width != input.numel()) {
    fail_kernel("group_norm was told of other sizes than its input has");
  }
  if (groups <= 0 || channels % groups != 0) {
    fail_kernel("group_norm cannot divide " + std::to_string(channels) + " channels into " +
                std::to_string(groups) + " groups");
  }
  const auto is_of_channels = [channels](const at::Tensor& it) {
    return !it.defined() || (it.dim() == 1 && it.numel() == channels);
  };
  if (!is_of_channels(weight) || !is_of_channels(bias)) {
    fail_kernel("the weight or the bias of group_norm is not one number for each of " +
                std::to_string(channels) + " channels");
  }
  if (!input.is_contiguous(input.suggest_memory_format())) {
    fail_kernel("the input of group_norm has gaps, or lies transposed in memory");
  }
}

} // namespace
} // namespace build_runtime

namespace at::native {

using namespace build_runtime;

std::tuple<at::Tensor, at::Tensor, at::Tensor> native_group_norm(
    const at::Tensor& input, const std::optional<at::Tensor>& weight,
    const std::optional<at::Tensor>& bias, int64_t N, int64_t C, int64_t HxW, int64_t group,
    double eps) {
  const at::Tensor gamma = contiguous(weight);
  const at::Tensor beta = contiguous(bias);
  check_groups(input, gamma, beta, N, C, HxW, group);
  const auto format = input.suggest_memory_format();
  const bool mixed = is_mixed_type(input, gamma, beta);
  if (mixed) {
    check_mixed_data_type(input, gamma, beta);
  }
  const auto options = input.options().dtype(param_scalar_type(input, mixed));
  Normalised results{at::empty_like(input, format), at::empty({N, group}, options),
                     at::empty({N, group}, options)};
  if (are_floats(input, gamma, beta) && format == at::MemoryFormat::Contiguous) {
    normalise_groups(input, Affine(gamma, beta), N, {group, C / group, HxW}, eps, results);
  } else {
    GroupNormKernel(at::kCPU, input, gamma, beta, N, C, HxW, group, eps, results.made, results.mean,
                    results.rstd);
  }
  return {results.made, results.mean, results.rstd};
}

} // namespace at::native
