#include "kernels/packed_convolution.h"

#include <ATen/ops/empty.h>

namespace build_runtime {
namespace {

// Far above what layers have. Sums and products of such numbers with sizes of tensors fit.
constexpr int64_t kMaxParameter = 1 << 20;
// Above what microkernels round the channels of a group up to.
constexpr int64_t kMaxTile = 64;

constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max();

void check_pair(const Pair& pair, int64_t least, const char* what) {
  for (const int64_t value : pair) {
    if (value < least || value > kMaxParameter) {
      fail_kernel(std::string("a convolution has an impossible ") + what + ": " +
                  std::to_string(value));
    }
  }
}

void check_weight(const at::Tensor& weight) {
  if (!weight.defined() || weight.dim() != 4 || weight.scalar_type() != at::kFloat ||
      weight.layout() != at::kStrided) {
    fail_kernel("the weight of a convolution is not four-dimensional float32");
  }
  for (const int64_t size : weight.sizes()) {
    if (size < 1 || size > kMaxSize) {
      fail_kernel("the weight of a convolution has an impossible size: " + std::to_string(size));
    }
  }
}

// In the order of XNNPACK: groups, outputs of a group, height, width, inputs of a group.
std::vector<float> plain_weight(const at::Tensor& weight) {
  const auto size = weight.sizes();
  const auto stride = weight.strides();
  return strided_values(weight.const_data_ptr<float>(), {size[0], size[2], size[3], size[1]},
                        {stride[0], stride[2], stride[3], stride[1]});
}

std::vector<float> transposed_weight(const at::Tensor& weight, int64_t groups) {
  const auto size = weight.sizes();
  const auto stride = weight.strides();
  const int64_t inputs = size[0] / groups;
  return strided_values(weight.const_data_ptr<float>(), {groups, size[1], size[2], size[3], inputs},
                        {stride[0] * inputs, stride[1], stride[2], stride[3], stride[0]});
}

void compute_plain(xnn_operator_t op, const at::Tensor& input, float* to) {
  size_t size = 0;
  size_t alignment = 0;
  check_xnn(xnn_reshape_convolution2d_nhwc_f32(
                op, static_cast<size_t>(input.size(0)), static_cast<size_t>(input.size(2)),
                static_cast<size_t>(input.size(3)), &size, &alignment, nullptr, nullptr,
                caffe2::pthreadpool_()),
            "prepare a convolution");
  const at::Tensor workspace =
      size == 0 ? at::Tensor()
                : at::empty({static_cast<int64_t>(size)}, input.options().dtype(at::kByte));
  check_xnn(xnn_setup_convolution2d_nhwc_f32(op, size == 0 ? nullptr : workspace.mutable_data_ptr(),
                                             input.const_data_ptr<float>(), to),
            "prepare a convolution");
  run_xnn(op);
}

} // namespace

PackedConvolution::PackedConvolution(Kind kind, const ConvolutionParts& parts)
    : kind_(kind),
      stride_(parts.stride),
      padding_(parts.padding),
      output_padding_(parts.output_padding),
      dilation_(parts.dilation),
      groups_(parts.groups) {
  check_weight(parts.weight);
  weight_sizes_ = parts.weight.sizes().vec();
  check_pair(stride_, 1, "stride");
  check_pair(padding_, 0, "padding");
  check_pair(output_padding_, 0, "output padding");
  check_pair(dilation_, 1, "dilation");
  if (groups_ < 1 || weight_sizes_[0] % groups_ != 0) {
    fail_kernel("the channels of a convolution cannot be divided into " + std::to_string(groups_) +
                " groups");
  }
  const bool plain = kind_ == Kind::plain;
  input_channels_ = plain ? weight_sizes_[1] * groups_ : weight_sizes_[0];
  output_channels_ = plain ? weight_sizes_[0] : weight_sizes_[1] * groups_;
  if (input_channels_ > kMaxSize || output_channels_ > kMaxSize) {
    fail_kernel("a convolution has too many channels");
  }
  for (size_t d = 0; d < 2; ++d) {
    if (!plain && output_padding_[d] >= stride_[d]) {
      fail_kernel("a transposed convolution has an output padding that is not below its stride");
    }
  }
  pack(parts);
}

void PackedConvolution::pack(const ConvolutionParts& parts) {
  initialise_xnnpack();
  const bool plain = kind_ == Kind::plain;
  const int64_t weights = weight_sizes_[2] * weight_sizes_[3] * (input_channels_ / groups_);
  check_packed_size(output_channels_ + groups_ * kMaxTile,
                    weights + weight_sizes_[2] * weight_sizes_[3] * kMaxTile);
  const std::vector<float> weight =
      plain ? plain_weight(parts.weight) : transposed_weight(parts.weight, groups_);
  const std::vector<float> bias = bias_values(parts.bias, output_channels_);
  has_bias_ = !bias.empty();
  outputs_of_part_ = groups_ == 1 ? outputs_at_a_time(output_channels_, weights) : output_channels_;
  for (int64_t first = 0; first < output_channels_; first += outputs_of_part_) {
    parts_.push_back(pack_part(parts, weight, bias, first));
  }
  constexpr Pair kOnes = {1, 1};
  if (br_winograd && plain && groups_ == 1 && stride_ == kOnes && dilation_ == kOnes) {
    winograd_ =
        Winograd::pack(weight_sizes_, weight, bias, parts.limits.lowest, parts.limits.highest);
  }
}

XnnOperator PackedConvolution::pack_part(const ConvolutionParts& parts,
                                         const std::vector<float>& weight,
                                         const std::vector<float>& bias, int64_t first) const {
  const auto inputs = static_cast<size_t>(input_channels_);
  const auto groups = static_cast<size_t>(groups_);
  const int64_t outputs = std::min(outputs_of_part_, output_channels_ - first);
  const size_t begin = weight.size() / static_cast<size_t>(output_channels_) * first;
  const auto parameter = [](int64_t value) { return static_cast<uint32_t>(value); };
  const auto create = kind_ == Kind::plain ? xnn_create_convolution2d_nhwc_f32
                                           : xnn_create_deconvolution2d_nhwc_f32;
  xnn_operator_t made = nullptr;
  check_xnn(
      create(parameter(padding_[0]), parameter(padding_[1]), parameter(padding_[0]),
             parameter(padding_[1]), parameter(weight_sizes_[2]), parameter(weight_sizes_[3]),
             parameter(stride_[0]), parameter(stride_[1]), parameter(dilation_[0]),
             parameter(dilation_[1]), parameter(groups_), inputs / groups,
             static_cast<size_t>(outputs) / groups, inputs, static_cast<size_t>(output_channels_),
             weight.data() + begin, has_bias_ ? bias.data() + first : nullptr, parts.limits.lowest,
             parts.limits.highest, 0, nullptr, nullptr, &made),
      "pack a convolution");
  return XnnOperator(made);
}

at::Tensor PackedConvolution::run(const at::Tensor& input) {
  check_input(input);
  if (input.dim() == 3) {
    return run(input.unsqueeze(0)).squeeze(0);
  }
  const Pair size = output_size(input);
  const at::Tensor image = readable(input, at::MemoryFormat::ChannelsLast);
  const at::Tensor output =
      at::empty({input.size(0), output_channels_, size[0], size[1]},
                input.options().memory_format(at::MemoryFormat::ChannelsLast));
  const bool done =
      output.numel() == 0 ||
      (winograd_ != nullptr && winograd_->run(image, padding_[0], padding_[1], output));
  if (!done) {
    compute(image, output);
  }
  return output.contiguous(input.suggest_memory_format());
}

void PackedConvolution::check_input(const at::Tensor& input) const {
  if (input.scalar_type() != at::kFloat || (input.dim() != 3 && input.dim() != 4)) {
    fail_kernel("a convolution takes float32 images");
  }
  const int64_t channels = input.size(input.dim() - 3);
  if (channels != input_channels_) {
    fail_kernel("a convolution takes " + std::to_string(input_channels_) + " channels, and got " +
                std::to_string(channels));
  }
}

Pair PackedConvolution::output_size(const at::Tensor& input) const {
  Pair result = {};
  for (size_t d = 0; d < 2; ++d) {
    const int64_t given = input.size(static_cast<int64_t>(d) + 2);
    const int64_t kernel = dilation_[d] * (weight_sizes_[d + 2] - 1) + 1;
    if (given < 1 || given > kMaxSize) {
      fail_kernel("a convolution cannot take an image of " + std::to_string(given) + " pixels");
    }
    if (kind_ == Kind::transposed) {
      result[d] = (given - 1) * stride_[d] - 2 * padding_[d] + kernel + output_padding_[d];
    } else if (const int64_t padded = given + 2 * padding_[d]; padded >= kernel) {
      result[d] = (padded - kernel) / stride_[d] + 1;
    }
    // torch has transposed convolutions with nothing left
    if (result[d] < (kind_ == Kind::plain ? 1 : 0) || result[d] > kMaxSize) {
      fail_kernel("the image is too small or too large for the kernel of a convolution");
    }
  }
  // XNNPACK notes an address for each element of the kernel and each pixel of the result
  if (!fits({result[0] + kMaxTile, result[1] + kMaxTile, weight_sizes_[2], weight_sizes_[3],
             sizeof(void*)})) {
    fail_kernel("the image is too large for the kernel of a convolution");
  }
  return result;
}

void PackedConvolution::compute(const at::Tensor& input, const at::Tensor& output) {
  const std::scoped_lock alone(mutex_);
  auto* to = output.mutable_data_ptr<float>();
  for (const XnnOperator& part : parts_) {
    if (kind_ == Kind::plain) {
      compute_plain(part.get(), input, to);
    } else {
      compute_transposed(part.get(), input, to);
    }
    to += outputs_of_part_;
  }
}

void PackedConvolution::compute_transposed(xnn_operator_t op, const at::Tensor& input,
                                           float* to) const {
  check_xnn(
      xnn_reshape_deconvolution2d_nhwc_f32(
          op, static_cast<size_t>(input.size(0)), static_cast<size_t>(input.size(2)),
          static_cast<size_t>(input.size(3)), static_cast<uint32_t>(output_padding_[0]),
          static_cast<uint32_t>(output_padding_[1]), nullptr, nullptr, caffe2::pthreadpool_()),
      "prepare a transposed convolution");
  check_xnn(xnn_setup_deconvolution2d_nhwc_f32(op, input.const_data_ptr<float>(), to),
            "prepare a transposed convolution");
  run_xnn(op);
}

c10::IValue PackedConvolution::sizes() const {
  const c10::IValue bias =
      has_bias_ ? c10::IValue(std::vector<int64_t>{output_channels_}) : c10::IValue();
  return c10::ivalue::Tuple::create({weight_sizes_, bias, c10::IValue(at::IntArrayRef(stride_)),
                                     c10::IValue(at::IntArrayRef(padding_)),
                                     c10::IValue(at::IntArrayRef(dilation_)), groups_});
}

} // namespace build_runtime
