// Float matrix products on XNNPACK's microkernels, as all of our kernels use them.
//
// A microkernel multiplies a few rows of the left side by panels of the right side: groups of
// columns that were packed in the order in which it reads them.
#pragma once

#include <xnnpack.h>

extern "C" {
#include <xnnpack/config.h>
}

#include <cstdint>
#include <cstdlib>
#include <memory>

namespace build_runtime {

// The left side: rows of contiguous numbers. Strides are in floats.
struct Rows {
  const float* data;
  int64_t stride;

  Rows from(int64_t row) const { return {data + row * stride, stride}; }
};

// The right side: columns; `depth` is the dimension that is summed over.
struct Columns {
  const float* data;
  int64_t stride;
  int64_t depth_stride;

  Columns from(int64_t column) const { return {data + column * stride, stride, depth_stride}; }
};

struct FreeFloats {
  void operator()(float* data) const { std::free(data); }
};

// Memory whose content is not set, aligned for every microkernel: those for the widest registers
// need more than LibTorch's allocator gives on mobile.
using Floats = std::unique_ptr<float, FreeFloats>;
Floats make_floats(int64_t count);

class FloatProduct {
 public:
  // From a row and some panels to the sums of their columns.
  using RowKernel = void (*)(const float* left, int64_t depth, const float* panels, float* out);

  // The microkernels for this processor.
  static const FloatProduct& get();

  int64_t rows() const { return config_->mr; }
  int64_t width() const { return config_->nr; }
  int64_t panels(int64_t columns) const { return (columns + width() - 1) / width(); }
  // The floats of one panel.
  int64_t panel_size(int64_t depth) const;

  // Packs columns into panels. `depth` is at least 1, like all sizes below.
  void pack(const Columns& right, int64_t columns, int64_t depth, float* panels) const;

  // Writes the products of all rows and columns: `out` has rows of contiguous numbers, too.
  void multiply(const Rows& left, int64_t rows, int64_t columns, int64_t depth, const float* panels,
                float* out, int64_t out_stride) const;

 private:
  explicit FloatProduct(const xnn_gemm_config* config);

  int64_t shuffle() const { return int64_t{1} << config_->log2_sr; }
  xnn_gemm_ukernel_fn kernel_for(int64_t rows) const;
  void multiply_whole(const Rows& left, int64_t rows, int64_t columns, int64_t depth,
                      const float* panels, float* out, int64_t out_stride) const;
  void multiply_row(const float* left, int64_t columns, int64_t depth, const float* panels,
                    float* out) const;

  RowKernel row_kernel_; // null where XNNPACK's microkernel for one row is as fast
  const xnn_gemm_config* config_;
};

} // namespace build_runtime
