// Depthwise convolutions of quantized images: each channel by itself.
#pragma once

#include "kernels/quantized/byte_layer.h"

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
};

// Images with channels last.
struct Images {
  int64_t count = 0;
  Pair input{};
  Pair output{};
};

class Depthwise {
 public:
  // None where there are too few channels or too many taps. The inputs of the layer are its taps.
  static std::optional<Depthwise> make(const ByteLayer& layer, const Taps& taps);

  // Nothing is read or written outside of the images.
  void run(const uint8_t* from, const Images& images, uint8_t* to) const;

 private:
  Depthwise(const ByteLayer& layer, const Taps& taps);

  // Bytes from the first tap to each, and to some of no weight that make a whole quad of the last.
  std::vector<int64_t> offsets_of_taps(const Images& images) const;

  // Finds where the taps of a pixel of the output lie, of which the first is at `corner`.
  void point_at_taps(const uint8_t* image, const Images& images, const Pair& corner,
                     const std::vector<int64_t>& offsets, const uint8_t** taps) const;

  ByteLayer layer_;
  Taps taps_;
  std::vector<int32_t> packed_;
  std::vector<uint8_t> zeros_; // a pixel of padding
};

} // namespace build_runtime
