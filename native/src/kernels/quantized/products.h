// Products of quantized rows with the weights of a layer: linear layers, and convolutions of single
// pixels.
#pragma once

#include "kernels/quantized/byte_layer.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace build_runtime {

class Products {
 public:
  // None where XNNPACK multiplies with registers of twice the size.
  static std::optional<Products> make(const ByteLayer& layer);

  // From `rows` of the layer's inputs to as many of its outputs. Nothing else is read or written.
  void run(const uint8_t* from, int64_t rows, uint8_t* to) const;

 private:
  explicit Products(const ByteLayer& layer);

  void run_part(const uint8_t* from, int64_t begin, int64_t end, uint8_t* to) const;

  ByteLayer layer_;
  std::vector<int32_t> packed_;
};

} // namespace build_runtime
