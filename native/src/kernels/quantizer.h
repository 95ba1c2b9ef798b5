// Numbers as steps of eight bits.
#pragma once

#include <cstdint>

namespace build_runtime {

// Quantizes as torch does it, to the nearest step and to the even one of two: `to` gets
// `from` / `scale` + `zero_point`, kept between `least` and `least` + 255. What is no number
// becomes the least. The low byte of a step is the same, signed or not.
void quantize(const float* from, int64_t count, double scale, int64_t zero_point, int64_t least,
              uint8_t* to);

} // namespace build_runtime
