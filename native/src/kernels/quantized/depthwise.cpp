#include "kernels/quantized/depthwise.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#include <xnnpack/hardware-config.h>
#endif

namespace build_runtime {

#if defined(__x86_64__) || defined(__i386__)
namespace {

// Channels of a block: the bytes of a register.
constexpr int64_t kBlock = 32;

// Sums in a register.
constexpr int64_t kSums = 8;

// Products in a sum of one instruction.
constexpr int64_t kQuad = 4;

constexpr int64_t kMaxTaps = 32;

// Steps that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 15;

int64_t quads_of(int64_t taps) {
  return (taps + kQuad - 1) / kQuad;
}

// Words of the packed numbers of a block: the bias, the weights, the scales.
int64_t words_of(int64_t quads) {
  return kBlock + quads * kBlock + kBlock;
}

// The last block ends with the last channel: it may have some that another has, too.
int64_t first_of(int64_t block, int64_t channels) {
  return std::min(block * kBlock, channels - kBlock);
}

// Which channel of a block the sum `at` is of: bytes are interleaved within halves of registers.
int64_t channel_of(int64_t at) {
  const int64_t part = at / kSums;
  const int64_t lane = at % kSums;
  return part * (kSums / 2) + lane % (kSums / 2) + (lane < kSums / 2 ? 0 : kBlock / 2);
}

void pack_block(const DepthwiseLayer& layer, int64_t taps, int64_t first, int32_t* to) {
  int32_t* weights = to + kBlock;
  const int64_t quads = quads_of(taps);
  std::memset(weights, 0, static_cast<size_t>(quads * kBlock) * sizeof(int32_t));
  for (int64_t at = 0; at < kBlock; ++at) {
    const int64_t channel = first + channel_of(at);
    uint32_t sum = 0; // as sums of the processor it has no overflow
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int8_t weight = layer.weight[channel * taps + tap];
      auto* quad = reinterpret_cast<int8_t*>(weights + tap / kQuad * kBlock + at);
      quad[tap % kQuad] = weight;
      sum += static_cast<uint32_t>(int32_t{weight});
    }
    const auto zero = static_cast<uint32_t>(layer.input_zero);
    to[at] = static_cast<int32_t>(static_cast<uint32_t>(layer.bias[channel]) - zero * sum);
    std::memcpy(weights + quads * kBlock + at, layer.scales + channel, sizeof(float));
  }
}

struct Finish {
  float most = 0; // above the zero point
  int32_t zero = 0;
  int32_t least = 0;
};

#define BR_VNNI __attribute__((target("avx2,avxvnni")))

BR_VNNI inline __m256i load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

// Sums as whole steps above the zero point.
BR_VNNI inline __m256i scaled(__m256i sums, const int32_t* scales, __m256 most) {
  const __m256 steps = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_castsi256_ps(load(scales)));
  return _mm256_cvtps_epi32(_mm256_min_ps(steps, most));
}

// A pixel of a block. `taps` point to its first channel; after the last tap come any others.
BR_VNNI inline void compute_block(const uint8_t* const* taps, int64_t offset, int64_t quads,
                                  const int32_t* packed, const Finish& finish, uint8_t* to) {
  __m256i sums0 = load(packed);
  __m256i sums1 = load(packed + kSums);
  __m256i sums2 = load(packed + 2 * kSums);
  __m256i sums3 = load(packed + 3 * kSums);
  const int32_t* words = packed + kBlock;
  for (int64_t quad = 0; quad < quads; ++quad, taps += kQuad, words += kBlock) {
    const __m256i tap0 = load(taps[0] + offset);
    const __m256i tap1 = load(taps[1] + offset);
    const __m256i tap2 = load(taps[2] + offset);
    const __m256i tap3 = load(taps[3] + offset);
    const __m256i low01 = _mm256_unpacklo_epi8(tap0, tap1);
    const __m256i low23 = _mm256_unpacklo_epi8(tap2, tap3);
    const __m256i high01 = _mm256_unpackhi_epi8(tap0, tap1);
    const __m256i high23 = _mm256_unpackhi_epi8(tap2, tap3);
    sums0 = _mm256_dpbusd_avx_epi32(sums0, _mm256_unpacklo_epi16(low01, low23), load(words));
    sums1 =
        _mm256_dpbusd_avx_epi32(sums1, _mm256_unpackhi_epi16(low01, low23), load(words + kSums));
    sums2 = _mm256_dpbusd_avx_epi32(sums2, _mm256_unpacklo_epi16(high01, high23),
                                    load(words + 2 * kSums));
    sums3 = _mm256_dpbusd_avx_epi32(sums3, _mm256_unpackhi_epi16(high01, high23),
                                    load(words + 3 * kSums));
  }
  const __m256 most = _mm256_set1_ps(finish.most);
  const __m256i zero = _mm256_set1_epi16(static_cast<int16_t>(finish.zero));
  const __m256i low = _mm256_adds_epi16(
      _mm256_packs_epi32(scaled(sums0, words, most), scaled(sums1, words + kSums, most)), zero);
  const __m256i high = _mm256_adds_epi16(_mm256_packs_epi32(scaled(sums2, words + 2 * kSums, most),
                                                            scaled(sums3, words + 3 * kSums, most)),
                                         zero);
  const __m256i steps = _mm256_max_epu8(_mm256_packus_epi16(low, high),
                                        _mm256_set1_epi8(static_cast<char>(finish.least)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), steps);
}

BR_VNNI void compute_pixel(const uint8_t* const* taps, int64_t quads, int64_t channels,
                           const int32_t* packed, const Finish& finish, uint8_t* to) {
  for (int64_t block = 0; block * kBlock < channels; ++block) {
    const int64_t first = first_of(block, channels);
    compute_block(taps, first, quads, packed + block * words_of(quads), finish, to + first);
  }
}

} // namespace

std::optional<Depthwise> Depthwise::make(const DepthwiseLayer& layer, const Taps& taps) {
  const xnn_hardware_config* hardware = xnn_init_hardware_config();
  const bool can = hardware != nullptr && hardware->use_x86_avxvnni;
  if (!can || layer.channels < kBlock || taps.kernel[0] > kMaxTaps || taps.kernel[1] > kMaxTaps ||
      taps.count() > kMaxTaps) {
    return std::nullopt;
  }
  return Depthwise(layer, taps);
}

Depthwise::Depthwise(const DepthwiseLayer& layer, const Taps& taps)
    : taps_(taps),
      channels_(layer.channels),
      output_zero_(layer.output_zero),
      least_(layer.least),
      zeros_(static_cast<size_t>(layer.channels), static_cast<uint8_t>(layer.input_zero)) {
  const int64_t blocks = (channels_ + kBlock - 1) / kBlock;
  const int64_t words = words_of(quads_of(taps.count()));
  packed_.resize(static_cast<size_t>(blocks * words));
  for (int64_t block = 0; block < blocks; ++block) {
    pack_block(layer, taps.count(), first_of(block, channels_), packed_.data() + block * words);
  }
}

void Depthwise::run(const uint8_t* from, const Images& images, uint8_t* to) const {
  const int64_t rows = images.output[0];
  const int64_t columns = images.output[1];
  const int64_t quads = quads_of(taps_.count());
  const Finish finish{static_cast<float>(UINT8_MAX - output_zero_), output_zero_, least_};
  const int64_t line = columns * channels_;
  at::parallel_for(0, images.count * rows, kGrain / line + 1, [&](int64_t begin, int64_t end) {
    std::array<const uint8_t*, kMaxTaps> taps{};
    for (int64_t row = begin; row < end; ++row) {
      const uint8_t* image = from + row / rows * images.input[0] * images.input[1] * channels_;
      for (int64_t column = 0; column < columns; ++column) {
        point_at_taps(image, images, {row % rows, column}, taps.data());
        compute_pixel(taps.data(), quads, channels_, packed_.data(), finish,
                      to + row * line + column * channels_);
      }
    }
  });
}

void Depthwise::point_at_taps(const uint8_t* image, const Images& images, const Pair& pixel,
                              const uint8_t** taps) const {
  const int64_t top = pixel[0] * taps_.stride[0] - taps_.padding[0];
  const int64_t left = pixel[1] * taps_.stride[1] - taps_.padding[1];
  const uint8_t** next = taps;
  for (int64_t i = 0; i < taps_.kernel[0]; ++i) {
    const int64_t y = top + i * taps_.dilation[0];
    const bool outside = y < 0 || y >= images.input[0];
    const uint8_t* row = image + (outside ? 0 : y) * images.input[1] * channels_;
    for (int64_t j = 0; j < taps_.kernel[1]; ++j) {
      const int64_t x = left + j * taps_.dilation[1];
      const bool beside = outside || x < 0 || x >= images.input[1];
      *next++ = beside ? zeros_.data() : row + x * channels_;
    }
  }
  for (int64_t more = quads_of(taps_.count()) * kQuad - taps_.count(); more > 0; --more) {
    *next++ = zeros_.data(); // their weights are zero
  }
}

#else

std::optional<Depthwise> Depthwise::make(const DepthwiseLayer&, const Taps&) {
  return std::nullopt;
}

void Depthwise::run(const uint8_t*, const Images&, uint8_t*) const {}

#endif

} // namespace build_runtime
