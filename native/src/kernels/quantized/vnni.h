// What kernels with AVX-VNNI share. Only functions that begin with BR_VNNI may call these, and only
// those with a layer that make_byte_layer made may call such a function.
#pragma once

#include "kernels/quantized/byte_layer.h"

#include <immintrin.h>

#include <cstdint>

#define BR_VNNI __attribute__((target("avx2,avxvnni")))

namespace build_runtime {

// How sums become steps.
struct Finish {
  explicit Finish(const ByteLayer& layer)
      : most(static_cast<float>(UINT8_MAX - layer.output_zero)),
        zero(static_cast<int16_t>(layer.output_zero)),
        least(static_cast<char>(layer.least)) {}

  float most; // above the zero point
  int16_t zero;
  char least;
};

BR_VNNI inline __m256i load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

// Whole steps above the zero point.
BR_VNNI inline __m256i scaled(__m256i sums, const int32_t* scales, const Finish& finish) {
  const __m256 steps = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_castsi256_ps(load(scales)));
  return _mm256_cvtps_epi32(_mm256_min_ps(steps, _mm256_set1_ps(finish.most)));
}

// Steps of 16 bits of two registers of sums.
BR_VNNI inline __m256i narrowed(__m256i first, __m256i second, const int32_t* scales,
                                const Finish& finish) {
  const __m256i steps =
      _mm256_packs_epi32(scaled(first, scales, finish), scaled(second, scales + kSums, finish));
  return _mm256_adds_epi16(steps, _mm256_set1_epi16(finish.zero));
}

} // namespace build_runtime
