#include "kernels/quantized/byte_layer.h"

#include <xnnpack/hardware-config.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace build_runtime {
namespace {

bool has_instructions() {
#if defined(__x86_64__) || defined(__i386__)
  const xnn_hardware_config* hardware = xnn_init_hardware_config();
  return hardware != nullptr && hardware->use_x86_avxvnni;
#else
  return false;
#endif
}

bool can_requantize(float scale) {
  return scale >= 0x1.0p-32F && scale < 256.0F;
}

// Which output of a block the sum `at` is of: halves of registers are narrowed by themselves.
int64_t output_of(int64_t at, int64_t block) {
  constexpr int64_t kHalf = kSums / 2;
  const int64_t lane = at % kSums;
  return at / kSums * kHalf + lane % kHalf + (lane < kHalf ? 0 : block / 2);
}

} // namespace

std::optional<ByteLayer> make_byte_layer(int64_t outputs, int64_t inputs, const int8_t* weight,
                                         const at::Tensor& scales, std::vector<int32_t> bias,
                                         const Requantization& wanted) {
  const auto* of_weights = scales.const_data_ptr<float>();
  std::vector<float> made(of_weights, of_weights + outputs);
  for (float& it : made) { // as XNNPACK computes them
    it = static_cast<float>(wanted.input.scale) * it / static_cast<float>(wanted.output.scale);
  }
  if (!has_instructions() || !std::all_of(made.begin(), made.end(), can_requantize)) {
    return std::nullopt;
  }
  const auto zero = static_cast<int32_t>(wanted.output.zero_point);
  return ByteLayer{outputs,
                   inputs,
                   weight,
                   std::move(bias),
                   std::move(made),
                   static_cast<int32_t>(wanted.input.zero_point),
                   zero,
                   wanted.relu ? zero : 0};
}

void pack_block(const ByteLayer& layer, int64_t block, int64_t first, int32_t* to) {
  int32_t* weights = to + block;
  int32_t* scales = weights + quads_of(layer.inputs) * block;
  std::memset(to, 0, static_cast<size_t>(words_of(block, quads_of(layer.inputs))) * sizeof(*to));
  for (int64_t at = 0; at < block; ++at) {
    const int64_t output = first + output_of(at, block);
    if (output >= layer.outputs) {
      continue;
    }
    uint32_t sum = 0; // wraps, as sums of the processor do
    for (int64_t input = 0; input < layer.inputs; ++input) {
      const int8_t weight = layer.weight[output * layer.inputs + input];
      auto* quad = reinterpret_cast<int8_t*>(weights + input / kQuad * block + at);
      quad[input % kQuad] = weight;
      sum += static_cast<uint32_t>(int32_t{weight});
    }
    const auto bias = static_cast<uint32_t>(layer.bias[static_cast<size_t>(output)]);
    to[at] = static_cast<int32_t>(bias - static_cast<uint32_t>(layer.input_zero) * sum);
    std::memcpy(scales + at, &layer.scales[static_cast<size_t>(output)], sizeof(float));
  }
}

} // namespace build_runtime
