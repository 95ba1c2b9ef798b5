// at::cpu::sigmoid, tanh and gelu of dense float tensors: XNNPACK's kernels where it has one.
// Upstream has the same computation writing to a given tensor, which is what all others get. See
// Note [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/lanes.h"
#include "kernels/xnnpack.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu_cpu_dispatch.h>
#include <ATen/ops/sigmoid_cpu_dispatch.h>
#include <ATen/ops/tanh_cpu_dispatch.h>

extern "C" {
#include <xnnpack/config.h>
}

#include <algorithm>

namespace build_runtime {
namespace {

// Numbers that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 14;

// Kernels read beyond the last number, but not more than a vector: it goes through a buffer.
void apply(const xnn_unary_elementwise_config& config, const float* from, float* to,
           int64_t count) {
  constexpr int64_t kVector = XNN_EXTRA_BYTES / sizeof(float);
  xnn_unary_uparams parameters = {};
  if (config.init != nullptr) {
    config.init(&parameters, nullptr, nullptr, nullptr);
  }
  const int64_t tail = std::min(count, count % kVector == 0 ? kVector : count % kVector);
  at::parallel_for(0, count - tail, kGrain, [&](int64_t begin, int64_t end) {
    config.ukernel(static_cast<size_t>(end - begin) * sizeof(float), from + begin, to + begin,
                   &parameters);
  });
  float last[2 * kVector] = {};
  std::copy_n(from + count - tail, tail, last);
  config.ukernel(static_cast<size_t>(tail) * sizeof(float), last, to + count - tail, &parameters);
}

using Config = const xnn_unary_elementwise_config* (*)();

// `made` has the strides of `tensor`; it may be the same.
void apply(Config config, const at::Tensor& tensor, const at::Tensor& made) {
  initialise_xnnpack();
  apply(*config(), tensor.const_data_ptr<float>(), made.mutable_data_ptr<float>(), tensor.numel());
}

at::Tensor applied(Config config, const at::Tensor& tensor) {
  at::Tensor made = at::empty_like(tensor);
  apply(config, tensor, made);
  return made;
}

// x (1 + tanh u) / 2, where u = sqrt(2 / pi) (x + 0.044715 x^3), is x / (1 + e^-2u).
LANES_INLINE inline Lanes gelu_by_tanh(Lanes x) {
  constexpr float kScale = -1.59576912F; // -2 sqrt(2 / pi)
  constexpr float kCube = 0.044715F;
  return x / (1.0F + exp_lanes(kScale * (x + kCube * x * x * x)));
}

at::Tensor applied_gelu_by_tanh(const at::Tensor& tensor) {
  at::Tensor made = at::empty_like(tensor);
  const auto* from = tensor.const_data_ptr<float>();
  auto* to = made.mutable_data_ptr<float>();
  at::parallel_for(0, tensor.numel(), kGrain, [&](int64_t begin, int64_t end) {
    run_lanes([&]() LANES_INLINE {
      for (int64_t i = begin; i < end; i += kLanes) {
        const int64_t here = std::min(kLanes, end - i);
        store(gelu_by_tanh(load(from + i, here)), to + i, here);
      }
    });
  });
  return made;
}

// What upstream's functions for other tensors write to, which give it its size.
at::Tensor result_of(const at::Tensor& tensor) {
  const bool integral = c10::isIntegralType(tensor.scalar_type(), /*includeBool=*/true);
  return at::empty({0}, tensor.options().dtype(integral ? at::kFloat : tensor.scalar_type()));
}

} // namespace
} // namespace build_runtime

namespace at::cpu {

using namespace build_runtime;

at::Tensor sigmoid(const at::Tensor& self) {
  if (is_dense_float(self)) {
    return applied(&xnn_init_f32_sigmoid_config, self);
  }
  at::Tensor made = result_of(self);
  return sigmoid_outf(self, made);
}

at::Tensor& sigmoid_(at::Tensor& self) {
  if (!is_dense_float(self)) {
    return sigmoid_outf(self, self);
  }
  apply(&xnn_init_f32_sigmoid_config, self, self);
  return self;
}

at::Tensor tanh(const at::Tensor& self) {
  if (is_dense_float(self)) {
    return applied(&xnn_init_f32_tanh_config, self);
  }
  at::Tensor made = result_of(self);
  return tanh_outf(self, made);
}

at::Tensor& tanh_(at::Tensor& self) {
  if (!is_dense_float(self)) {
    return tanh_outf(self, self);
  }
  apply(&xnn_init_f32_tanh_config, self, self);
  return self;
}

at::Tensor gelu(const at::Tensor& self, c10::string_view approximate) {
  if (is_dense_float(self) && approximate == "none") {
    return applied(&xnn_init_f32_gelu_config, self);
  }
  if (is_dense_float(self) && approximate == "tanh") {
    return applied_gelu_by_tanh(self);
  }
  at::Tensor made = at::empty({0}, self.options());
  return gelu_outf(self, approximate, made);
}

} // namespace at::cpu
