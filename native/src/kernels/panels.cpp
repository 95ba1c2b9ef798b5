#include "kernels/panels.h"

#include <c10/util/Exception.h>

extern "C" {
#include <xnnpack/hardware-config.h>
}

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace build_runtime {
namespace {

// How many steps of the depth are transposed at a time: a cache line of each column.
constexpr int64_t kStrip = 16;

// Packs one panel whose columns are contiguous in memory at each step of the depth.
void pack_side_by_side(const Columns& right, int64_t columns, int64_t depth, int64_t width,
                       float* panel) {
  for (int64_t p = 0; p < depth; ++p) {
    std::memcpy(panel + p * width, right.data + p * right.depth_stride,
                static_cast<size_t>(columns) * sizeof(float));
  }
}

void pack_strided(const Columns& right, int64_t columns, int64_t depth, int64_t width,
                  float* panel) {
  for (int64_t begin = 0; begin < depth; begin += kStrip) {
    const int64_t end = std::min(depth, begin + kStrip);
    for (int64_t c = 0; c < columns; ++c) {
      const float* column = right.data + c * right.stride;
      for (int64_t p = begin; p < end; ++p) {
        panel[p * width + c] = column[p * right.depth_stride];
      }
    }
  }
}

// For microkernels that turn the numbers of the left side around instead of spreading each of them:
// column `c` begins `c` steps later, within groups of `shuffle` steps.
void pack_shuffled(const Columns& right, int64_t columns, int64_t depth, int64_t width,
                   int64_t shuffle, float* panel) {
  for (int64_t p = 0; p < depth; ++p) {
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t group = p - p % shuffle;
      const int64_t place = group + (p + shuffle - c % shuffle) % shuffle;
      panel[place * width + c] = right.data[c * right.stride + p * right.depth_stride];
    }
  }
}

// Panels that a row is multiplied by at a time. XNNPACK's microkernel for FMA3 has two sums at a
// time, and waits for each of them: a product of one row, a step of a recurrent layer, would take
// more than twice the time.
constexpr int64_t kRowPanels = 4;

#if defined(__x86_64__) || defined(__i386__)

constexpr int64_t kRowWidth = 16; // of a panel

__attribute__((target("avx2,fma"))) void multiply_row_fma3(const float* left, int64_t depth,
                                                           const float* panels, float* out) {
  using Lanes = float __attribute__((vector_size(32)));
  constexpr int64_t kLanes = sizeof(Lanes) / sizeof(float);
  constexpr int64_t kSums = kRowPanels * kRowWidth / kLanes;
  const int64_t size = kRowWidth * (depth + 1);
  Lanes sums[kSums];
  for (int64_t p = -1; p < depth; ++p) { // the first row is the bias
    const float number = p < 0 ? 1.0F : left[p];
    for (int64_t i = 0; i < kSums; ++i) {
      Lanes lanes;
      std::memcpy(&lanes, panels + i / 2 * size + (p + 1) * kRowWidth + i % 2 * kLanes,
                  sizeof(lanes));
      sums[i] = p < 0 ? lanes : sums[i] + number * lanes;
    }
  }
  std::memcpy(out, sums, sizeof(sums));
}

#endif

// Null where XNNPACK's is as fast.
FloatProduct::RowKernel row_kernel_for([[maybe_unused]] const xnn_gemm_config& config) {
#if defined(__x86_64__) || defined(__i386__)
  const xnn_hardware_config* hardware = xnn_init_hardware_config();
  if (hardware != nullptr && hardware->use_x86_fma3 && hardware->use_x86_avx2 &&
      config.nr == kRowWidth && config.log2_sr == 0) {
    return &multiply_row_fma3;
  }
#endif
  return nullptr;
}

} // namespace

FloatProduct::FloatProduct(const xnn_gemm_config* config)
    : row_kernel_(row_kernel_for(*config)), config_(config) {}

Floats make_floats(int64_t count) {
  constexpr size_t kAlignment = 64;
  void* data = nullptr;
  const size_t bytes = static_cast<size_t>(count) * sizeof(float);
  if (posix_memalign(&data, kAlignment, bytes) != 0) {
    throw std::bad_alloc();
  }
  return Floats(static_cast<float*>(data));
}

const FloatProduct& FloatProduct::get() {
  static const FloatProduct product = [] {
    const xnn_gemm_config* config = xnn_init_f32_gemm_config();
    TORCH_CHECK(config != nullptr && config->log2_kr == 0);
    return FloatProduct(config);
  }();
  return product;
}

int64_t FloatProduct::panel_size(int64_t depth) const {
  const int64_t step = shuffle();
  return width() * (1 + (depth + step - 1) / step * step); // the first row is the bias
}

void FloatProduct::pack(const Columns& right, int64_t columns, int64_t depth, float* panels) const {
  const int64_t size = panel_size(depth);
  for (int64_t first = 0; first < columns; first += width(), panels += size) {
    const int64_t count = std::min(width(), columns - first);
    const Columns part = right.from(first);
    const bool partial = count < width() || shuffle() > 1;
    std::memset(panels, 0, static_cast<size_t>(partial ? size : width()) * sizeof(float));
    float* panel = panels + width();
    if (shuffle() > 1) {
      pack_shuffled(part, count, depth, width(), shuffle(), panel);
    } else if (part.stride == 1) {
      pack_side_by_side(part, count, depth, width(), panel);
    } else {
      pack_strided(part, count, depth, width(), panel);
    }
  }
}

void FloatProduct::multiply(const Rows& left, int64_t rows, int64_t columns, int64_t depth,
                            const float* panels, float* out, int64_t out_stride) const {
  if (shuffle() == 1) {
    multiply_whole(left, rows, columns, depth, panels, out, out_stride);
    return;
  }
  // These microkernels read whole groups of steps: after the last row there may be no memory.
  multiply_whole(left, rows - 1, columns, depth, panels, out, out_stride);
  const Floats last = make_floats(depth + shuffle());
  std::memcpy(last.get(), left.from(rows - 1).data, static_cast<size_t>(depth) * sizeof(float));
  std::fill_n(last.get() + depth, shuffle(), 0.0F);
  multiply_whole({last.get(), depth}, 1, columns, depth, panels, out + (rows - 1) * out_stride,
                 out_stride);
}

namespace {

xnn_f32_minmax_params unlimited() {
  xnn_f32_minmax_params made{};
  made.scalar.min = -std::numeric_limits<float>::infinity();
  made.scalar.max = std::numeric_limits<float>::infinity();
  return made;
}

} // namespace

void FloatProduct::multiply_whole(const Rows& left, int64_t rows, int64_t columns, int64_t depth,
                                  const float* panels, float* out, int64_t out_stride) const {
  constexpr auto kFloat = sizeof(float);
  const xnn_f32_minmax_params limits = unlimited();
  for (int64_t row = 0; row < rows; row += this->rows()) {
    const int64_t count = std::min(this->rows(), rows - row);
    if (count == 1 && row_kernel_ != nullptr) {
      multiply_row(left.from(row).data, columns, depth, panels, out + row * out_stride);
      return;
    }
    kernel_for(count)(static_cast<size_t>(count), static_cast<size_t>(columns),
                      static_cast<size_t>(depth) * kFloat, left.from(row).data,
                      static_cast<size_t>(left.stride) * kFloat, panels, out + row * out_stride,
                      static_cast<size_t>(out_stride) * kFloat,
                      static_cast<size_t>(width()) * kFloat, &limits);
  }
}

void FloatProduct::multiply_row(const float* left, int64_t columns, int64_t depth,
                                const float* panels, float* out) const {
  constexpr auto kFloat = sizeof(float);
  const int64_t step = kRowPanels * width();
  for (; columns >= step; columns -= step, out += step) {
    row_kernel_(left, depth, panels, out);
    panels += kRowPanels * panel_size(depth);
  }
  if (columns > 0) {
    const xnn_f32_minmax_params limits = unlimited();
    kernel_for(1)(1, static_cast<size_t>(columns), static_cast<size_t>(depth) * kFloat, left, 0,
                  panels, out, 0, static_cast<size_t>(width()) * kFloat, &limits);
  }
}

// The smallest microkernel that takes so many rows at a time.
xnn_gemm_ukernel_fn FloatProduct::kernel_for(int64_t rows) const {
  for (int64_t index = std::max<int64_t>(rows, 1) - 1; index < this->rows(); ++index) {
    if (const auto kernel = config_->minmax.gemm[index].function[XNN_UARCH_DEFAULT]) {
      return kernel;
    }
  }
  return nullptr; // not reached: there is one for all rows
}

} // namespace build_runtime
