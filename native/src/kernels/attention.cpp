// at::native::_scaled_dot_product_flash_attention_cpu: for a block of queries, their scores,
// softmax and the weighted values, so that the scores of all queries are never in memory at once.
// Upstream's kernel does that, too; it is half a megabyte. See Note [Replacements] in
// builder/libtorch/closure/replacements.py.
#include "kernels/panels.h"
#include "kernels/xnnpack.h"

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

extern "C" {
#include <xnnpack/config.h>
}

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace build_runtime {
namespace {

// The scores of a block of queries stay in the second cache, as long as there are rows enough for
// products that read keys and values seldom.
constexpr int64_t kScores = int64_t{256} * 1024 / sizeof(float);
constexpr int64_t kLeastRows = 64;
constexpr int64_t kMostRows = 128;

// Rows of contiguous numbers, so many from one to the next.
template <class Number>
struct Block {
  Number* data;
  int64_t stride;

  Number* row(int64_t number) const { return data + number * stride; }
};

// A tensor of B x H x T x D, each of whose rows is contiguous.
template <class Number>
struct Heads {
  explicit Heads(const at::Tensor& tensor)
      : data(static_cast<Number*>(tensor.data_ptr())),
        batch(tensor.stride(0)),
        head(tensor.stride(1)),
        row(tensor.stride(2)) {}

  Block<Number> from(int64_t batch_number, int64_t head_number, int64_t row_number) const {
    return {data + batch_number * batch + head_number * head + row_number * row, row};
  }

  Number* data;
  int64_t batch;
  int64_t head;
  int64_t row;
};

struct Sizes {
  int64_t heads;
  int64_t queries;
  int64_t keys;
  int64_t depth;
};

// Which part of all scores: a few rows of a head, and as many keys as any of them sees.
struct Part {
  int64_t batch;
  int64_t head;
  int64_t first;
  int64_t rows;
  int64_t keys;
};

// A dot product of each query and each key.
void score(const Block<float>& queries, const Block<float>& keys, const Part& part, int64_t depth,
           float scale, float* scores) {
  using at::native::TransposeType;
  at::native::cpublas::gemm(TransposeType::Transpose, TransposeType::NoTranspose, part.keys,
                            part.rows, depth, scale, keys.data, keys.stride, queries.data,
                            queries.stride, 0.0F, scores, part.keys);
}

void score(const Block<double>& queries, const Block<double>& keys, const Part& part, int64_t depth,
           double scale, double* scores) {
  for (int64_t row = 0; row < part.rows; ++row) {
    const double* query = queries.row(row);
    for (int64_t key = 0; key < part.keys; ++key) {
      *scores++ = scale * std::inner_product(query, query + depth, keys.row(key), 0.0);
    }
  }
}

// The sum of all values by the weights of each query.
void weigh(const float* weights, const Block<float>& values, const Part& part, int64_t depth,
           const Block<float>& to) {
  using at::native::TransposeType;
  at::native::cpublas::gemm(TransposeType::NoTranspose, TransposeType::NoTranspose, depth,
                            part.rows, part.keys, 1.0F, values.data, values.stride, weights,
                            part.keys, 0.0F, to.data, to.stride);
}

void weigh(const double* weights, const Block<double>& values, const Part& part, int64_t depth,
           const Block<double>& to) {
  for (int64_t row = 0; row < part.rows; ++row) {
    std::fill_n(to.row(row), depth, 0.0);
    for (int64_t key = 0; key < part.keys; ++key) {
      const double weight = *weights++;
      for (int64_t d = 0; d < depth; ++d) {
        to.row(row)[d] += weight * values.row(key)[d];
      }
    }
  }
}

float largest(const float* scores, int64_t count) {
  float most = 0.0F;
  xnn_init_f32_rmax_config()->ukernel(static_cast<size_t>(count) * sizeof(float), scores, &most,
                                      nullptr);
  return most;
}

double largest(const double* scores, int64_t count) {
  return *std::max_element(scores, scores + count);
}

// Replaces the scores by the powers of what they are above `most`, and returns their sum.
float raise(float* scores, int64_t count, float most) {
  float sum = 0.0F;
  xnn_init_f32_raddstoreexpminusmax_config()->ukernel(static_cast<size_t>(count) * sizeof(float),
                                                      scores, &most, scores, &sum, nullptr);
  return sum;
}

double raise(double* scores, int64_t count, double most) {
  std::for_each_n(scores, count, [most](double& it) { it = std::exp(it - most); });
  return std::accumulate(scores, scores + count, 0.0);
}

// From scores to weights that add up to 1, or to none where all are masked out. Returns the
// logarithm of the sum of their powers.
template <class Number>
Number soften(Number* scores, int64_t count) {
  const auto is_none = [](Number it) { return std::isnan(it); };
  const Number most = largest(scores, count);
  if (most == -std::numeric_limits<Number>::infinity() &&
      std::none_of(scores, scores + count, is_none)) {
    std::fill_n(scores, count, Number{0});
    return Number{0};
  }
  const Number sum = raise(scores, count, most);
  std::for_each_n(scores, count, [share = 1 / sum](Number& it) { it *= share; });
  return most + std::log(sum);
}

template <class Number>
struct Attention {
  Heads<Number> query;
  Heads<Number> key;
  Heads<Number> value;
  std::optional<Heads<Number>> mask; // what it says of each score
  int64_t mask_step;
  bool causal;
  Number scale;
  Sizes sizes;

  void attend(const Part& part, Number* scores, const Block<Number>& to,
              const Block<Number>& sums) const {
    score(query.from(part.batch, part.head, part.first), key.from(part.batch, part.head, 0), part,
          sizes.depth, scale, scores);
    for (int64_t row = 0; row < part.rows; ++row) {
      Number* const its = scores + row * part.keys;
      const int64_t seen = causal ? std::min(part.keys, part.first + row + 1) : part.keys;
      if (mask) {
        const Number* const said = mask->from(part.batch, part.head, part.first + row).data;
        for (int64_t i = 0; i < seen; ++i) {
          its[i] += said[i * mask_step];
        }
      }
      *sums.row(row) = soften(its, seen);
      std::fill_n(its + seen, part.keys - seen, Number{0});
    }
    weigh(scores, value.from(part.batch, part.head, 0), part, sizes.depth, to);
  }

  // `made` is B x H x T x D, `sums` B x H x T x 1.
  void attend_all(int64_t batches, const Heads<Number>& made, const Heads<Number>& sums) const {
    const int64_t rows = std::clamp<int64_t>(kScores / sizes.keys, kLeastRows, kMostRows);
    const int64_t blocks = (sizes.queries + rows - 1) / rows;
    const int64_t extra = XNN_EXTRA_BYTES / sizeof(Number); // kernels read beyond the last number
    at::parallel_for(0, batches * sizes.heads * blocks, 1, [&](int64_t begin, int64_t end) {
      std::vector<Number> scores(std::min(rows, sizes.queries) * sizes.keys + extra);
      for (int64_t number = begin; number < end; ++number) {
        const int64_t first = number % blocks * rows;
        const int64_t head = number / blocks % sizes.heads;
        const int64_t batch = number / blocks / sizes.heads;
        const int64_t here = std::min(rows, sizes.queries - first);
        const int64_t seen = causal ? std::min(sizes.keys, first + here) : sizes.keys;
        const Part part{batch, head, first, here, seen};
        attend(part, scores.data(), made.from(batch, head, first), sums.from(batch, head, first));
      }
    });
  }
};

// In the dtype that is computed in, with contiguous rows.
at::Tensor rows_of(const at::Tensor& tensor, at::ScalarType dtype) {
  const at::Tensor made = tensor.to(dtype);
  return made.stride(3) == 1 ? made : made.contiguous();
}

struct Inputs {
  at::Tensor query;
  at::Tensor key;
  at::Tensor value;
  std::optional<at::Tensor> mask;
  bool causal;
  double scale;
};

template <class Number>
void compute(const Inputs& it, at::ScalarType dtype, const at::Tensor& made,
             const at::Tensor& sums) {
  const at::Tensor query = rows_of(it.query, dtype);
  const at::Tensor key = rows_of(it.key, dtype);
  const at::Tensor value = rows_of(it.value, dtype);
  const Sizes sizes{query.size(1), query.size(2), key.size(2), query.size(3)};
  at::Tensor said;
  std::optional<Heads<Number>> mask;
  if (it.mask) {
    said = it.mask->to(dtype).expand({query.size(0), sizes.heads, sizes.queries, sizes.keys});
    mask = Heads<Number>(said);
  }
  const Attention<Number> attention{
      Heads<Number>(query),      Heads<Number>(key), Heads<Number>(value),          mask,
      mask ? said.stride(3) : 0, it.causal,          static_cast<Number>(it.scale), sizes};
  attention.attend_all(query.size(0), Heads<Number>(made), Heads<Number>(sums));
}

void check(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
           const std::optional<at::Tensor>& mask, double dropout) {
  const auto dtype = query.scalar_type();
  const auto suits = [&](const at::Tensor& it) {
    return it.dim() == 4 && it.scalar_type() == dtype && it.layout() == at::kStrided &&
           it.size(0) == query.size(0) && it.size(1) == query.size(1) &&
           it.size(3) == query.size(3);
  };
  if (dropout != 0.0 || !c10::isFloatingType(dtype) || !suits(query) || !suits(key) ||
      !suits(value) || key.size(2) != value.size(2)) {
    fail_kernel("attention without dropout takes three tensors of B x H x T x D floats");
  }
  if (mask && ((mask->dim() != 2 && mask->dim() != 4) || mask->layout() != at::kStrided ||
               (mask->scalar_type() != at::kFloat && mask->scalar_type() != dtype))) {
    fail_kernel("the mask of an attention has 2 or 4 dimensions, and the dtype of the query");
  }
}

} // namespace
} // namespace build_runtime

namespace at::native {

std::tuple<at::Tensor, at::Tensor> _scaled_dot_product_flash_attention_cpu(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, double dropout_p,
    bool is_causal, const std::optional<at::Tensor>& attn_mask, std::optional<double> scale) {
  using namespace build_runtime;
  const auto mask = attn_mask && attn_mask->defined() ? attn_mask : std::nullopt;
  check(query, key, value, mask, dropout_p);
  const bool wide = query.scalar_type() == at::kDouble;
  const auto dtype = wide ? at::kDouble : at::kFloat;
  const auto options = query.options().dtype(dtype);
  const auto factor = scale ? *scale : 1 / std::sqrt(static_cast<double>(query.size(3)));
  // as upstream has it in memory: like the query, so that views of it work, but with whole rows
  at::Tensor made = at::empty_like(query, options);
  if (made.stride(3) != 1) {
    made = at::empty(query.sizes(), options);
  }
  const at::Tensor sums =
      at::empty({query.size(0), query.size(2), query.size(1)}, options).transpose(1, 2);
  if (query.numel() == 0 || key.numel() == 0) {
    made.zero_();
    sums.zero_();
  } else {
    initialise_xnnpack();
    const Inputs inputs{query, key, value, mask, is_causal, factor};
    (wide ? compute<double> : compute<float>)(inputs, dtype, made, sums);
  }
  return {made.to(query.scalar_type()), sums};
}

} // namespace at::native
