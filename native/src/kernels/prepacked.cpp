// The operators and classes of models that `torch.utils.mobile_optimizer` made, and of those we
// rewrite: layers whose weights were packed for XNNPACK (PyTorch 2.6,
// aten/src/ATen/native/xnnpack/RegisterOpContextClass.cpp has the schemas and what is saved).
//
// Weights are packed when a model is loaded, and only so are they kept. An image may come and leave
// in any memory format; nothing is copied between layers that all have it channels-last.
#include "kernels/packed_convolution.h"
#include "kernels/packed_linear.h"
#include "kernels/saved_class.h"
#include "registry/exported.h"

namespace build_runtime {
namespace {

using c10::IValue;
using Bias = std::optional<at::Tensor>;
using Limit = std::optional<at::Scalar>;
using Kind = PackedConvolution::Kind;

// A class of its own for the type: contexts of either kind are told apart by it.
struct ConvolutionContext final : PackedConvolution {
  explicit ConvolutionContext(const ConvolutionParts& parts)
      : PackedConvolution(Kind::plain, parts) {}
};

struct TransposedContext final : PackedConvolution {
  explicit TransposedContext(const ConvolutionParts& parts)
      : PackedConvolution(Kind::transposed, parts) {}
};

using LinearContext = PackedLinear;

Limits limits_of(const Limit& lowest, const Limit& highest) {
  Limits limits;
  limits.lowest = lowest ? lowest->to<float>() : limits.lowest;
  limits.highest = highest ? highest->to<float>() : limits.highest;
  if (!(limits.lowest <= limits.highest)) {
    fail_kernel("a layer is to be clamped to an empty range");
  }
  return limits;
}

// One number stands for both dimensions.
Pair pair_of(at::IntArrayRef values) {
  if (values.empty() || values.size() > 2) {
    fail_kernel("a convolution has no stride, padding or dilation for two dimensions");
  }
  return {values.front(), values.back()};
}

// Reads what a context was saved as, part by part. The file may say anything.
class State {
 public:
  State(const IValue& state, size_t count) {
    if (!state.isTuple()) {
      fail_kernel("packed weights that were not saved as a tuple");
    }
    parts_ = state.toTupleRef().elements().asArrayRef();
    if (parts_.size() != count) {
      fail_kernel("packed weights of another version: " + std::to_string(parts_.size()) +
                  " parts instead of " + std::to_string(count));
    }
  }

  // What is saved has each of its elements; weights that repeat some would grow beyond all bounds.
  at::Tensor weight() {
    const IValue& part = next();
    if (!part.isTensor() || !part.toTensor().defined() || !part.toTensor().has_storage() ||
        part.toTensor().nbytes() > part.toTensor().storage().nbytes()) {
      fail_kernel("packed weights without a weight");
    }
    return part.toTensor();
  }

  Bias bias() {
    const IValue& part = next();
    if (!part.isNone() && !part.isTensor()) {
      fail_kernel("packed weights with a bias that is no tensor");
    }
    return part.isNone() ? Bias() : Bias(part.toTensor());
  }

  Pair pair() {
    const IValue& part = next();
    if (!part.isIntList()) {
      fail_kernel("packed weights with a setting that is no list of numbers");
    }
    return pair_of(part.toIntVector());
  }

  int64_t number() {
    const IValue& part = next();
    if (!part.isInt()) {
      fail_kernel("packed weights with a setting that is no number");
    }
    return part.toInt();
  }

  Limits limits() {
    const Limit lowest = limit();
    return limits_of(lowest, limit());
  }

 private:
  const IValue& next() { return parts_[at_++]; }

  Limit limit() {
    const IValue& part = next();
    if (!part.isNone() && !part.isInt() && !part.isDouble()) {
      fail_kernel("packed weights with a limit that is no number");
    }
    return part.isNone() ? Limit() : Limit(part.toScalar());
  }

  c10::ArrayRef<IValue> parts_;
  size_t at_ = 0;
};

template <class Context>
c10::intrusive_ptr<torch::CustomClassHolder> read_convolution(const IValue& state) {
  constexpr bool transposed = std::is_same_v<Context, TransposedContext>;
  State saved(state, transposed ? 9 : 8);
  ConvolutionParts parts;
  parts.weight = saved.weight();
  parts.bias = saved.bias();
  parts.stride = saved.pair();
  parts.padding = saved.pair();
  parts.output_padding = transposed ? saved.pair() : parts.output_padding;
  parts.dilation = saved.pair();
  parts.groups = saved.number();
  parts.limits = saved.limits();
  return c10::make_intrusive<Context>(parts);
}

c10::intrusive_ptr<torch::CustomClassHolder> read_linear(const IValue& state) {
  State saved(state, 4);
  const at::Tensor weight = saved.weight();
  const Bias bias = saved.bias();
  return c10::make_intrusive<LinearContext>(weight, bias, saved.limits());
}

c10::intrusive_ptr<ConvolutionContext> pack_convolution(const at::Tensor& weight, const Bias& bias,
                                                        at::IntArrayRef stride,
                                                        at::IntArrayRef padding,
                                                        at::IntArrayRef dilation, int64_t groups,
                                                        const Limit& lowest, const Limit& highest) {
  return c10::make_intrusive<ConvolutionContext>(ConvolutionParts{weight,
                                                                  bias,
                                                                  pair_of(stride),
                                                                  pair_of(padding),
                                                                  {0, 0},
                                                                  pair_of(dilation),
                                                                  groups,
                                                                  limits_of(lowest, highest)});
}

c10::intrusive_ptr<TransposedContext> pack_transposed(const at::Tensor& weight, const Bias& bias,
                                                      at::IntArrayRef stride,
                                                      at::IntArrayRef padding,
                                                      at::IntArrayRef output_padding,
                                                      at::IntArrayRef dilation, int64_t groups,
                                                      const Limit& lowest, const Limit& highest) {
  return c10::make_intrusive<TransposedContext>(
      ConvolutionParts{weight, bias, pair_of(stride), pair_of(padding), pair_of(output_padding),
                       pair_of(dilation), groups, limits_of(lowest, highest)});
}

c10::intrusive_ptr<LinearContext> pack_linear(const at::Tensor& weight, const Bias& bias,
                                              const Limit& lowest, const Limit& highest) {
  return c10::make_intrusive<LinearContext>(weight, bias, limits_of(lowest, highest));
}

template <class Context>
at::Tensor run(const at::Tensor& input, const c10::intrusive_ptr<Context>& context) {
  return context->run(input);
}

template <class Context>
IValue sizes(const IValue& context) {
  return context.toCustomClass<Context>()->sizes();
}

} // namespace
} // namespace build_runtime

using namespace build_runtime;

BR_CLASS(br_class_xnnpack_conv2d) {
  const SavedClass<ConvolutionContext> made("xnnpack", "Conv2dOpContext",
                                            &read_convolution<ConvolutionContext>);
  return true;
}

BR_CLASS(br_class_xnnpack_conv2d_transpose) {
  const SavedClass<TransposedContext> made("xnnpack", "TransposeConv2dOpContext",
                                           &read_convolution<TransposedContext>);
  return true;
}

BR_CLASS(br_class_xnnpack_linear) {
  const SavedClass<LinearContext> made("xnnpack", "LinearOpContext", &read_linear);
  return true;
}

BR_KERNEL(br_kernel_9prepacked_20conv2d_clamp_prepack_0, &pack_convolution)
BR_KERNEL(br_kernel_9prepacked_16conv2d_clamp_run_0, &run<ConvolutionContext>)
BR_KERNEL(br_kernel_9prepacked_30conv2d_transpose_clamp_prepack_0, &pack_transposed)
BR_KERNEL(br_kernel_9prepacked_26conv2d_transpose_clamp_run_0, &run<TransposedContext>)
BR_KERNEL(br_kernel_9prepacked_20linear_clamp_prepack_0, &pack_linear)
BR_KERNEL(br_kernel_9prepacked_16linear_clamp_run_0, &run<LinearContext>)
BR_KERNEL(br_kernel_9prepacked_29unpack_prepacked_sizes_conv2d_0, &sizes<ConvolutionContext>)
BR_KERNEL(br_kernel_9prepacked_29unpack_prepacked_sizes_linear_0, &sizes<LinearContext>)
