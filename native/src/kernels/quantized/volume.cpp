// PackedConvWeightsQnnp<3>::prepack: what a quantized convolution of three dimensions is packed
// into. See Note [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/quantized/checked.h"

// The signature is upstream's.
// NOLINTBEGIN(performance-unnecessary-value-param)
template <>
c10::intrusive_ptr<ConvPackedParamsBase<3>> PackedConvWeightsQnnp<3>::prepack(
    at::Tensor weight, std::optional<at::Tensor> bias, torch::List<int64_t> stride,
    torch::List<int64_t> padding, torch::List<int64_t> output_padding,
    torch::List<int64_t> dilation, int64_t groups, bool transpose) {
  // NOLINTEND(performance-unnecessary-value-param)
  if (transpose) { // QNNPACK leaves all but the first plane as they are
    build_runtime::fail_kernel("there is no transposed quantized convolution of three dimensions");
  }
  return build_runtime::pack<3, build_runtime::CheckedConvolution<3>>(
      weight, bias, stride, padding, output_padding, dilation, groups, transpose);
}
