// Layers whose products of bytes this project's own kernels compute, on processors that sum four of
// them in one instruction (AVX-VNNI). Activations stay unsigned, as torch has them.
#pragma once

#include "kernels/quantized/steps.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace build_runtime {

// `weight` has `inputs` numbers for each output. `scales` are those of the sums, in steps of the
// result, which is kept at `least` or above.
struct ByteLayer {
  int64_t outputs = 0;
  int64_t inputs = 0;
  const int8_t* weight = nullptr;
  std::vector<int32_t> bias;
  std::vector<float> scales;
  int32_t input_zero = 0;
  int32_t output_zero = 0;
  int32_t least = 0;
};

// None where the processor lacks the instructions, or a scale is one that XNNPACK does not take.
// `scales` are those of the weights.
std::optional<ByteLayer> make_byte_layer(int64_t outputs, int64_t inputs, const int8_t* weight,
                                         const at::Tensor& scales, std::vector<int32_t> bias,
                                         const Requantization& wanted);

// Products in a sum of one instruction.
constexpr int64_t kQuad = 4;

// Sums in a register.
constexpr int64_t kSums = 8;

inline int64_t quads_of(int64_t inputs) {
  return (inputs + kQuad - 1) / kQuad;
}

// Words of the packed numbers of a block of outputs: the bias, the weights, the scales.
inline int64_t words_of(int64_t block, int64_t quads) {
  return block * (quads + 2);
}

// Packs `block` outputs from `first` on in the order in which registers hold them: when the results
// of 16 or 32 sums are narrowed to bytes, these are in order. What is beyond the last output, or
// the last input, is zero.
void pack_block(const ByteLayer& layer, int64_t block, int64_t first, int32_t* to);

} // namespace build_runtime
