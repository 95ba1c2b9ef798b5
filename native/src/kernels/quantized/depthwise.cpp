#include "kernels/quantized/depthwise.h"

#include <ATen/Parallel.h>

#include <algorithm>

#if defined(__x86_64__) || defined(__i386__)
#include "kernels/quantized/vnni.h"
#endif

namespace build_runtime {

#if defined(__x86_64__) || defined(__i386__)
namespace {

// Channels of a block: the bytes of a register.
constexpr int64_t kBlock = 32;

constexpr int64_t kMaxTaps = 32;

// Steps that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 15;

// The last block ends with the last channel: it may have some that another has, too.
int64_t first_of(int64_t block, int64_t channels) {
  return std::min(block * kBlock, channels - kBlock);
}

// A pixel of a block. After the last tap come any others, up to a whole quad.
BR_VNNI void compute_block(const uint8_t* const* taps, int64_t offset, int64_t quads,
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
    const __m256i quads0 = _mm256_unpacklo_epi16(low01, low23);
    const __m256i quads1 = _mm256_unpackhi_epi16(low01, low23);
    const __m256i quads2 = _mm256_unpacklo_epi16(high01, high23);
    const __m256i quads3 = _mm256_unpackhi_epi16(high01, high23);
    sums0 = _mm256_dpbusd_avx_epi32(sums0, quads0, load(words));
    sums1 = _mm256_dpbusd_avx_epi32(sums1, quads1, load(words + kSums));
    sums2 = _mm256_dpbusd_avx_epi32(sums2, quads2, load(words + 2 * kSums));
    sums3 = _mm256_dpbusd_avx_epi32(sums3, quads3, load(words + 3 * kSums));
  }
  const __m256i low = narrowed(sums0, sums1, words, finish);
  const __m256i high = narrowed(sums2, sums3, words + 2 * kSums, finish);
  const __m256i steps =
      _mm256_max_epu8(_mm256_packus_epi16(low, high), _mm256_set1_epi8(finish.least));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), steps);
}

} // namespace

std::optional<Depthwise> Depthwise::make(const ByteLayer& layer, const Taps& taps) {
  if (layer.outputs < kBlock || layer.inputs > kMaxTaps) {
    return std::nullopt;
  }
  return Depthwise(layer, taps);
}

Depthwise::Depthwise(const ByteLayer& layer, const Taps& taps)
    : layer_(layer),
      taps_(taps),
      zeros_(static_cast<size_t>(layer.outputs), static_cast<uint8_t>(layer.input_zero)) {
  const int64_t words = words_of(kBlock, quads_of(layer.inputs));
  const int64_t blocks = (layer.outputs + kBlock - 1) / kBlock;
  packed_.resize(static_cast<size_t>(blocks * words));
  for (int64_t block = 0; block < blocks; ++block) {
    pack_block(layer, kBlock, first_of(block, layer.outputs), packed_.data() + block * words);
  }
}

void Depthwise::run(const uint8_t* from, const Images& images, uint8_t* to) const {
  const int64_t rows = images.output[0];
  const int64_t columns = images.output[1];
  const int64_t channels = layer_.outputs;
  const int64_t line = columns * channels;
  const int64_t quads = quads_of(layer_.inputs);
  const Finish finish(layer_);
  const std::vector<int64_t> offsets = offsets_of_taps(images);
  at::parallel_for(0, images.count * rows, kGrain / line + 1, [&](int64_t begin, int64_t end) {
    std::array<const uint8_t*, kMaxTaps> taps{};
    for (int64_t row = begin; row < end; ++row) {
      const uint8_t* image = from + row / rows * images.input[0] * images.input[1] * channels;
      for (int64_t column = 0; column < columns; ++column) {
        const Pair corner = {row % rows * taps_.stride[0] - taps_.padding[0],
                             column * taps_.stride[1] - taps_.padding[1]};
        point_at_taps(image, images, corner, offsets, taps.data());
        uint8_t* pixel = to + row * line + column * channels;
        for (int64_t block = 0; block * kBlock < channels; ++block) {
          const int64_t first = first_of(block, channels);
          compute_block(taps.data(), first, quads, packed_.data() + block * words_of(kBlock, quads),
                        finish, pixel + first);
        }
      }
    }
  });
}

std::vector<int64_t> Depthwise::offsets_of_taps(const Images& images) const {
  std::vector<int64_t> offsets;
  for (int64_t i = 0; i < taps_.kernel[0]; ++i) {
    for (int64_t j = 0; j < taps_.kernel[1]; ++j) {
      const int64_t pixels = i * taps_.dilation[0] * images.input[1] + j * taps_.dilation[1];
      offsets.push_back(pixels * layer_.outputs);
    }
  }
  offsets.resize(static_cast<size_t>(quads_of(layer_.inputs) * kQuad)); // weights there are zero
  return offsets;
}

void Depthwise::point_at_taps(const uint8_t* image, const Images& images, const Pair& corner,
                              const std::vector<int64_t>& offsets, const uint8_t** taps) const {
  const auto is_inside = [&](size_t d) {
    const int64_t last = corner[d] + (taps_.kernel[d] - 1) * taps_.dilation[d];
    return corner[d] >= 0 && last < images.input[d];
  };
  const int64_t start = (corner[0] * images.input[1] + corner[1]) * layer_.outputs;
  if (is_inside(0) && is_inside(1)) {
    for (size_t i = 0; i < offsets.size(); ++i) {
      taps[i] = image + (start + offsets[i]);
    }
    return;
  }
  std::fill_n(taps, offsets.size(), zeros_.data());
  for (int64_t i = 0; i < taps_.kernel[0]; ++i) {
    const int64_t y = corner[0] + i * taps_.dilation[0];
    for (int64_t j = 0; j < taps_.kernel[1]; ++j) {
      const int64_t x = corner[1] + j * taps_.dilation[1];
      const int64_t tap = i * taps_.kernel[1] + j;
      if (y >= 0 && y < images.input[0] && x >= 0 && x < images.input[1]) {
        taps[tap] = image + (start + offsets[static_cast<size_t>(tap)]);
      }
    }
  }
}

#else

std::optional<Depthwise> Depthwise::make(const ByteLayer&, const Taps&) {
  return std::nullopt;
}

void Depthwise::run(const uint8_t*, const Images&, uint8_t*) const {}

#endif

} // namespace build_runtime
