// at::cpu::_softmax and _log_softmax of dense floats. Upstream has the same computation writing to
// a given tensor, which is what all others get. See Note [Replacements] in
// builder/libtorch/closure/replacements.py.
#include "kernels/lanes.h"
#include "kernels/xnnpack.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_log_softmax_cpu_dispatch.h>
#include <ATen/ops/_softmax_cpu_dispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace build_runtime {
namespace {

// Numbers that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 14;
// Vectors of neighbours that are computed at a time: caches fetch several lines of each step.
constexpr int64_t kGroups = 8;
constexpr int64_t kBlock = kGroups * kLanes;

// The first of two that is not a number stays: then nothing of the sum is one.
LANES_INLINE inline Lanes larger(Lanes one, Lanes other) {
  return other > one ? other : one;
}

LANES_INLINE inline Lanes log_of(Lanes numbers) {
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    numbers[lane] = std::log(numbers[lane]);
  }
  return numbers;
}

// A tensor of contiguous numbers: all of `size` that have the other two indices in common are one
// distribution.
struct Slices {
  int64_t outer = 1;
  int64_t size;
  int64_t inner = 1;

  Slices(const at::Tensor& tensor, int64_t dim) : size(tensor.size(dim)) {
    for (int64_t i = 0; i < tensor.dim(); ++i) {
      (i < dim ? outer : inner) *= i == dim ? 1 : tensor.size(i);
    }
  }

  int64_t blocks() const { return (inner + kBlock - 1) / kBlock; }
};

// Neighbouring distributions: `columns` of `size` numbers, which are `inner` apart.
template <bool logarithm>
LANES_INLINE inline void normalise_columns(const float* from, float* to, const Slices& it,
                                           int64_t columns) {
  std::array<Lanes, kGroups> most = {};
  std::array<Lanes, kGroups> sums = {};
  for (int64_t i = 0; i < columns; i += kLanes) {
    most[i / kLanes] = load(from + i, std::min(kLanes, columns - i));
  }
  for (int64_t step = 1; step < it.size; ++step) {
    for (int64_t i = 0; i < columns; i += kLanes) {
      const Lanes x = load(from + step * it.inner + i, std::min(kLanes, columns - i));
      most[i / kLanes] = larger(most[i / kLanes], x);
    }
  }
  for (int64_t step = 0; step < it.size; ++step) {
    for (int64_t i = 0; i < columns; i += kLanes) {
      const int64_t place = step * it.inner + i;
      const int64_t here = std::min(kLanes, columns - i);
      const Lanes power = exp_lanes(load(from + place, here) - most[i / kLanes]);
      sums[i / kLanes] += power;
      if (!logarithm) {
        store(power, to + place, here);
      }
    }
  }
  for (Lanes& sum : sums) {
    sum = logarithm ? log_of(sum) : 1.0F / sum;
  }
  for (int64_t step = 0; step < it.size; ++step) {
    for (int64_t i = 0; i < columns; i += kLanes) {
      const int64_t place = step * it.inner + i;
      const int64_t here = std::min(kLanes, columns - i);
      const Lanes x = load((logarithm ? from : to) + place, here);
      const Lanes scale = sums[i / kLanes];
      store(logarithm ? x - most[i / kLanes] - scale : x * scale, to + place, here);
    }
  }
}

at::Tensor softmax_of_rows(const at::Tensor& tensor, const Slices& slices) {
  initialise_xnnpack();
  const at::Tensor rows = readable(tensor, at::MemoryFormat::Contiguous);
  at::Tensor made = at::empty_like(rows);
  xnn_operator_t op = nullptr;
  check_xnn(xnn_create_softmax_nc_f32(0, &op), "make a softmax");
  const XnnOperator owned(op);
  const auto width = static_cast<size_t>(slices.size);
  check_xnn(xnn_reshape_softmax_nc_f32(op, width, width, width, static_cast<size_t>(slices.outer),
                                       caffe2::pthreadpool_()),
            "prepare a softmax");
  check_xnn(
      xnn_setup_softmax_nc_f32(op, rows.const_data_ptr<float>(), made.mutable_data_ptr<float>()),
      "prepare a softmax");
  run_xnn(op);
  return made;
}

template <bool logarithm>
at::Tensor of_columns(const at::Tensor& tensor, const Slices& slices) {
  const at::Tensor given = tensor.contiguous();
  at::Tensor made = at::empty_like(given);
  const auto* from = given.const_data_ptr<float>();
  auto* to = made.mutable_data_ptr<float>();
  const int64_t grain = std::max<int64_t>(1, kGrain / (kBlock * slices.size));
  at::parallel_for(0, slices.outer * slices.blocks(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t number = begin; number < end; ++number) {
      const int64_t column = number % slices.blocks() * kBlock;
      const int64_t first = number / slices.blocks() * slices.size * slices.inner + column;
      const int64_t columns = std::min(kBlock, slices.inner - column);
      run_lanes([&]() LANES_INLINE {
        normalise_columns<logarithm>(from + first, to + first, slices, columns);
      });
    }
  });
  return made;
}

float highest_of(const float* row, int64_t size) {
  Lanes most = Lanes{} + row[0];
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    most = larger(most, load(row + i, kLanes));
  }
  float highest = row[0];
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    highest = std::max(highest, most[lane]);
  }
  for (; i < size; ++i) {
    highest = std::max(highest, row[i]);
  }
  return highest;
}

// Numbers less the highest, the powers of which are added up.
LANES_INLINE inline float sum_of_powers(const float* row, int64_t size, float highest) {
  Lanes sums = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    sums += exp_lanes(load(row + i, kLanes) - highest);
  }
  float sum = 0.0F;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    sum += sums[lane];
  }
  for (; i < size; ++i) {
    sum += std::exp(row[i] - highest);
  }
  return sum;
}

void log_softmax_of_row(const float* from, float* to, int64_t size) {
  const float highest = highest_of(from, size);
  float sum = 0.0F;
  run_lanes([&]() LANES_INLINE { sum = sum_of_powers(from, size, highest); });
  const float less = std::log(sum);
  for (int64_t i = 0; i < size; i += kLanes) {
    const int64_t here = std::min(kLanes, size - i);
    store(load(from + i, here) - highest - less, to + i, here);
  }
}

at::Tensor log_softmax_of_rows(const at::Tensor& tensor, const Slices& slices) {
  const at::Tensor given = tensor.contiguous();
  at::Tensor made = at::empty_like(given);
  const auto* from = given.const_data_ptr<float>();
  auto* to = made.mutable_data_ptr<float>();
  const int64_t grain = std::max<int64_t>(1, kGrain / slices.size);
  at::parallel_for(0, slices.outer, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      log_softmax_of_row(from + row * slices.size, to + row * slices.size, slices.size);
    }
  });
  return made;
}

bool suits(const at::Tensor& tensor, int64_t dim, bool half_to_float) {
  return is_dense_float(tensor) && !half_to_float && dim >= -tensor.dim() && dim < tensor.dim();
}

// What upstream's functions for other tensors write to, which give it its size.
at::Tensor result_of(const at::Tensor& tensor, bool half_to_float) {
  return at::empty({0}, tensor.options().dtype(half_to_float ? at::kFloat : tensor.scalar_type()));
}

} // namespace
} // namespace build_runtime

namespace at::cpu {

using namespace build_runtime;

at::Tensor _softmax(const at::Tensor& self, int64_t dim, bool half_to_float) {
  if (suits(self, dim, half_to_float)) {
    const Slices slices(self, dim < 0 ? dim + self.dim() : dim);
    if (slices.inner == 1) {
      return softmax_of_rows(self, slices);
    }
    if (slices.inner >= kLanes) {
      return of_columns<false>(self, slices);
    }
  }
  at::Tensor made = result_of(self, half_to_float);
  return _softmax_outf(self, dim, half_to_float, made);
}

at::Tensor _log_softmax(const at::Tensor& self, int64_t dim, bool half_to_float) {
  if (suits(self, dim, half_to_float)) {
    const Slices slices(self, dim < 0 ? dim + self.dim() : dim);
    if (slices.inner == 1) {
      return log_softmax_of_rows(self, slices);
    }
    if (slices.inner >= kLanes) {
      return of_columns<true>(self, slices);
    }
  }
  at::Tensor made = result_of(self, half_to_float);
  return _log_softmax_outf(self, dim, half_to_float, made);
}

} // namespace at::cpu
