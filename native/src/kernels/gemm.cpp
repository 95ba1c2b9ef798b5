// at::native::cpublas::gemm(float): what linear, matmul, bmm, addmm, recurrent layers, attention
// and im2col convolutions end in. See Note [Replacements] in
// builder/libtorch/closure/replacements.py.
//
// BLAS has columns of contiguous numbers: C^T = alpha op(B)^T op(A)^T + beta C^T in rows. So the
// rows of the left side are those of B, and the columns of the right side those of A.
#include "kernels/panels.h"
#include "kernels/weights.h"

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>

#include <algorithm>

namespace build_runtime {
namespace {

// The panels that are packed at a time stay in the second cache while all rows pass by.
constexpr int64_t kBlock = int64_t{256} * 1024 / sizeof(float);
// So many columns at most: a few rows of results stay in the first cache.
constexpr int64_t kWidest = 1024;
// Multiplications that are worth waking a thread for.
constexpr int64_t kGrain = 200'000;

struct Scale {
  float alpha;
  float beta;
};

// One product: `out` has rows of contiguous numbers.
struct Product {
  Rows left;
  Columns right;
  int64_t rows;
  int64_t columns;
  int64_t depth;
  Scale scale;
  float* out;
  int64_t out_stride;
  // The right side as panels, where it was packed before.
  std::shared_ptr<const float> packed;
};

// `out` is not read where it is not asked for: it may hold anything.
void finish(const float* sums, float* out, int64_t count, const Scale& scale) {
  if (scale.beta == 0.0F) {
    for (int64_t i = 0; i < count; ++i) {
      out[i] = scale.alpha * sums[i];
    }
  } else {
    for (int64_t i = 0; i < count; ++i) {
      out[i] = scale.alpha * sums[i] + scale.beta * out[i];
    }
  }
}

void scale_only(const Product& it) {
  for (int64_t row = 0; row < it.rows; ++row) {
    float* out = it.out + row * it.out_stride;
    if (it.scale.beta == 0.0F) {
      std::fill_n(out, it.columns, 0.0F);
    } else {
      std::for_each_n(out, it.columns, [&](float& value) { value *= it.scale.beta; });
    }
  }
}

float dot(const float* one, const float* other, int64_t count) {
  constexpr int64_t kLanes = 16;
  float sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += one[i + lane] * other[i + lane];
    }
  }
  float sum = 0.0F;
  for (; i < count; ++i) {
    sum += one[i] * other[i];
  }
  for (const float lane : sums) {
    sum += lane;
  }
  return sum;
}

// A single row: packing the right side would take longer than multiplying it.
void multiply_row(const Product& it) {
  const int64_t grain = std::max<int64_t>(1, kGrain / it.depth);
  const bool accumulate = it.right.depth_stride != 1;
  at::parallel_for(0, it.columns, grain, [&](int64_t begin, int64_t end) {
    if (!accumulate) {
      for (int64_t c = begin; c < end; ++c) {
        const float sum = dot(it.left.data, it.right.from(c).data, it.depth);
        finish(&sum, it.out + c, 1, it.scale);
      }
      return;
    }
    const Floats sums = make_floats(end - begin);
    std::fill_n(sums.get(), end - begin, 0.0F);
    const Columns part = it.right.from(begin);
    for (int64_t p = 0; p < it.depth; ++p) {
      const float* step = part.data + p * part.depth_stride;
      for (int64_t c = 0; c < end - begin; ++c) {
        sums.get()[c] += it.left.data[p] * step[c * part.stride];
      }
    }
    finish(sums.get(), it.out + begin, end - begin, it.scale);
  });
}

// Rows and columns of the product that one thread computes at a time.
struct Blocks {
  Blocks(const FloatProduct& kernels, const Product& it)
      : columns(std::clamp<int64_t>(kBlock / kernels.panel_size(it.depth), 1,
                                    std::max<int64_t>(1, kWidest / kernels.width())) *
                kernels.width()),
        across((it.columns + columns - 1) / columns) {
    const int64_t threads = at::get_num_threads();
    const int64_t groups = (it.rows + kernels.rows() - 1) / kernels.rows();
    down = across >= threads ? 1 : std::min(groups, (threads + across - 1) / across);
    rows = (groups + down - 1) / down * kernels.rows();
  }

  int64_t columns;
  int64_t across;
  int64_t down = 1;
  int64_t rows = 1;
};

// Packs a block of the right side and multiplies a block of rows by it.
void multiply_block(const FloatProduct& kernels, const Product& it, const Blocks& blocks,
                    int64_t number, float* buffer, float* sums) {
  const int64_t first = number / blocks.down * blocks.columns;
  const int64_t columns = std::min(blocks.columns, it.columns - first);
  const int64_t begin = number % blocks.down * blocks.rows;
  const int64_t end = std::min(it.rows, begin + blocks.rows);
  if (begin >= end) {
    return;
  }
  const float* panels = buffer;
  if (it.packed != nullptr) {
    panels = it.packed.get() + first / kernels.width() * kernels.panel_size(it.depth);
  } else {
    kernels.pack(it.right.from(first), columns, it.depth, buffer);
  }
  const bool direct = it.scale.beta == 0.0F && it.scale.alpha == 1.0F;
  if (direct) {
    kernels.multiply(it.left.from(begin), end - begin, columns, it.depth, panels,
                     it.out + begin * it.out_stride + first, it.out_stride);
    return;
  }
  for (int64_t row = begin; row < end; row += kernels.rows()) {
    const int64_t count = std::min(kernels.rows(), end - row);
    kernels.multiply(it.left.from(row), count, columns, it.depth, panels, sums, columns);
    for (int64_t r = 0; r < count; ++r) {
      finish(sums + r * columns, it.out + (row + r) * it.out_stride + first, columns, it.scale);
    }
  }
}

void multiply(const Product& it) {
  if (it.rows == 1 && it.packed == nullptr) {
    multiply_row(it);
    return;
  }
  const FloatProduct& kernels = FloatProduct::get();
  const Blocks blocks(kernels, it);
  const int64_t work = std::min(blocks.columns, it.columns) * std::min(blocks.rows, it.rows);
  const int64_t grain = std::max<int64_t>(1, kGrain / (work * it.depth));
  at::parallel_for(0, blocks.across * blocks.down, grain, [&](int64_t begin, int64_t end) {
    const int64_t widest = std::min(blocks.columns, it.columns);
    const int64_t panels =
        it.packed != nullptr ? 0 : kernels.panels(widest) * kernels.panel_size(it.depth);
    const Floats buffer = make_floats(panels + kernels.rows() * widest);
    for (int64_t number = begin; number < end; ++number) {
      multiply_block(kernels, it, blocks, number, buffer.get(), buffer.get() + panels);
    }
  });
}

// The left side with rows of contiguous numbers.
Floats transposed(const float* data, int64_t stride, int64_t rows, int64_t depth) {
  constexpr int64_t kStrip = 16;
  Floats made = make_floats(rows * depth);
  for (int64_t begin = 0; begin < depth; begin += kStrip) {
    const int64_t end = std::min(depth, begin + kStrip);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t p = begin; p < end; ++p) {
        made.get()[row * depth + p] = data[p * stride + row];
      }
    }
  }
  return made;
}

} // namespace
} // namespace build_runtime

namespace at::native::cpublas {

void gemm(TransposeType transa, TransposeType transb, int64_t m, int64_t n, int64_t k,
          const float alpha, const float* a, int64_t lda, const float* b, int64_t ldb,
          const float beta, float* c, int64_t ldc) {
  using build_runtime::Product;
  if (m <= 0 || n <= 0) {
    return;
  }
  const bool turned = transa != TransposeType::NoTranspose;
  Product product{{b, ldb}, {a, turned ? lda : 1, turned ? 1 : lda}, n, m, k, {alpha, beta}, c, ldc,
                  nullptr};
  if (k <= 0) {
    scale_only(product);
    return;
  }
  build_runtime::Floats left;
  if (transb != TransposeType::NoTranspose) {
    left = build_runtime::transposed(b, ldb, n, k);
    product.left = {left.get(), k};
  }
  product.packed = build_runtime::packed_weight(product.right, m, k);
  build_runtime::multiply(product);
}

} // namespace at::native::cpublas
