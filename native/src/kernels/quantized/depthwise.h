// Depthwise convolutions of quantized images: each channel by itself. XNNPACK multiplies one tap at
// a time, in 32 bits; processors with AVX-VNNI sum four products of bytes in one instruction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace build_runtime {

using Pair = std::array<int64_t, 2>; // rows, columns

// Where the taps of a kernel lie.
struct Taps {
  Pair kernel{};
  Pair stride{};
  Pair padding{};
  Pair dilation{};

  int64_t count() const { return kernel[0] * kernel[1]; }
};

// What a depthwise layer computes with. `weight` has the taps of a channel side by side, `scales`
// are those of the sums in steps of the output, which are kept at `least` or above.
struct DepthwiseLayer {
  int64_t channels = 0;
  const int8_t* weight = nullptr;
  const int32_t* bias = nullptr;
  const float* scales = nullptr;
  int32_t input_zero = 0;
  int32_t output_zero = 0;
  int32_t least = 0;
};

// Images with channels last.
struct Images {
  int64_t count = 0;
  Pair input{};
  Pair output{};
};

class Depthwise {
 public:
  // None where the processor lacks the instructions, or the layer has too few channels or too many
  // taps for them to pay.
  static std::optional<Depthwise> make(const DepthwiseLayer& layer, const Taps& taps);

  // Steps are unsigned; nothing is read or written outside of the images.
  void run(const uint8_t* from, const Images& images, uint8_t* to) const;

 private:
  Depthwise(const DepthwiseLayer& layer, const Taps& taps);

  // Finds where the taps of a pixel of the output lie, and fills their last quad.
  void point_at_taps(const uint8_t* image, const Images& images, const Pair& pixel,
                     const uint8_t** taps) const;

  Taps taps_;
  int64_t channels_;
  int32_t output_zero_;
  int32_t least_;
  std::vector<int32_t> packed_;
  std::vector<uint8_t> zeros_; // a pixel of padding
};

} // namespace build_runtime
