#include "kernels/quantized/products.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)
#include "kernels/quantized/vnni.h"

#include <xnnpack/hardware-config.h>
#endif

namespace build_runtime {

#if defined(__x86_64__) || defined(__i386__)
namespace {

// Outputs of a panel: two registers of sums for each row of a tile.
constexpr int64_t kPanel = 16;

// Rows of a tile: their sums take twelve of sixteen registers.
constexpr int kTile = 6;

// Rows that are computed panel by panel: they stay in the nearest cache, and so does a panel.
constexpr int64_t kRows = int64_t{8} * kTile;

// Products that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 18;

struct Tile {
  const uint8_t* from;
  int64_t inputs;
  const int32_t* panel;
  uint8_t* to;
  int64_t outputs;
  int64_t columns; // of the panel that are outputs
};

BR_VNNI inline __m256i repeated(const uint8_t* from, int64_t count) {
  int32_t quad = 0;
  std::memcpy(&quad, from, static_cast<size_t>(count));
  return _mm256_set1_epi32(quad);
}

template <int rows>
BR_VNNI void compute_tile(const Tile& tile, const Finish& finish) {
  __m256i first[rows];
  __m256i second[rows];
  for (int row = 0; row < rows; ++row) {
    first[row] = load(tile.panel);
    second[row] = load(tile.panel + kSums);
  }
  const int32_t* words = tile.panel + kPanel;
  int64_t at = 0;
  for (; at + kQuad <= tile.inputs; at += kQuad, words += kPanel) {
    const __m256i left = load(words);
    const __m256i right = load(words + kSums);
    for (int row = 0; row < rows; ++row) {
      const __m256i quad = repeated(tile.from + row * tile.inputs + at, kQuad);
      first[row] = _mm256_dpbusd_avx_epi32(first[row], quad, left);
      second[row] = _mm256_dpbusd_avx_epi32(second[row], quad, right);
    }
  }
  if (at < tile.inputs) {
    for (int row = 0; row < rows; ++row) {
      const __m256i quad = repeated(tile.from + row * tile.inputs + at, tile.inputs - at);
      first[row] = _mm256_dpbusd_avx_epi32(first[row], quad, load(words));
      second[row] = _mm256_dpbusd_avx_epi32(second[row], quad, load(words + kSums));
    }
    words += kPanel;
  }
  for (int row = 0; row < rows; ++row) {
    const __m256i wide = narrowed(first[row], second[row], words, finish);
    const __m128i steps = _mm_max_epu8(
        _mm_packus_epi16(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1)),
        _mm_set1_epi8(finish.least));
    uint8_t* to = tile.to + row * tile.outputs;
    if (tile.columns == kPanel) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), steps);
    } else {
      std::memcpy(to, &steps, static_cast<size_t>(tile.columns));
    }
  }
}

// The last tile ends with the last row: it may have some that another has, too.
void compute_panel(Tile tile, int64_t rows, const Finish& finish) {
  const uint8_t* from = tile.from;
  uint8_t* to = tile.to;
  const int64_t step = rows < kTile ? 1 : kTile;
  for (int64_t row = 0; row < rows; row += step) {
    const int64_t begin = std::min(row, rows - step);
    tile.from = from + begin * tile.inputs;
    tile.to = to + begin * tile.outputs;
    if (step == kTile) {
      compute_tile<kTile>(tile, finish);
    } else {
      compute_tile<1>(tile, finish);
    }
  }
}

} // namespace

std::optional<Products> Products::make(const ByteLayer& layer) {
  const xnn_hardware_config* hardware = xnn_init_hardware_config();
  if (hardware == nullptr || hardware->use_x86_avx512vnni) {
    return std::nullopt;
  }
  return Products(layer);
}

Products::Products(const ByteLayer& layer) : layer_(layer) {
  const int64_t words = words_of(kPanel, quads_of(layer.inputs));
  const int64_t panels = (layer.outputs + kPanel - 1) / kPanel;
  packed_.resize(static_cast<size_t>(panels * words));
  for (int64_t panel = 0; panel < panels; ++panel) {
    pack_block(layer, kPanel, panel * kPanel, packed_.data() + panel * words);
  }
}

void Products::run(const uint8_t* from, int64_t rows, uint8_t* to) const {
  const int64_t blocks = (rows + kRows - 1) / kRows;
  const int64_t grain = kGrain / (kRows * layer_.inputs * layer_.outputs) + 1;
  at::parallel_for(0, blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      run_part(from, block * kRows, std::min(rows, (block + 1) * kRows), to);
    }
  });
}

void Products::run_part(const uint8_t* from, int64_t begin, int64_t end, uint8_t* to) const {
  const Finish finish(layer_);
  const int32_t* panel = packed_.data();
  for (int64_t first = 0; first < layer_.outputs; first += kPanel) {
    const Tile tile{from + begin * layer_.inputs,
                    layer_.inputs,
                    panel,
                    to + begin * layer_.outputs + first,
                    layer_.outputs,
                    std::min(kPanel, layer_.outputs - first)};
    compute_panel(tile, end - begin, finish);
    panel += words_of(kPanel, quads_of(layer_.inputs));
  }
}

#else

std::optional<Products> Products::make(const ByteLayer&) {
  return std::nullopt;
}

void Products::run(const uint8_t*, int64_t, uint8_t*) const {}

#endif

} // namespace build_runtime
