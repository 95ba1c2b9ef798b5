// at::cpu::sigmoid, tanh, gelu and _softmax: XNNPACK's kernels for dense float tensors. Upstream
// has the same computation writing to a given tensor, which is what all others get. See Note
// [Replacements] in builder/libtorch/closure/replacements.py.
#include "kernels/xnnpack.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_softmax_cpu_dispatch.h>
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

bool suits(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kFloat && tensor.layout() == at::kStrided &&
         tensor.numel() > 0 && tensor.is_non_overlapping_and_dense() && !tensor.is_neg();
}

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

at::Tensor softmax_of_rows(const at::Tensor& tensor) {
  initialise_xnnpack();
  const at::Tensor rows = readable(tensor, at::MemoryFormat::Contiguous);
  at::Tensor made = at::empty_like(rows);
  xnn_operator_t op = nullptr;
  check_xnn(xnn_create_softmax_nc_f32(0, &op), "make a softmax");
  const XnnOperator owned(op);
  const auto width = static_cast<size_t>(rows.size(-1));
  check_xnn(
      xnn_reshape_softmax_nc_f32(op, width, width, width, static_cast<size_t>(rows.numel()) / width,
                                 caffe2::pthreadpool_()),
      "prepare a softmax");
  check_xnn(
      xnn_setup_softmax_nc_f32(op, rows.const_data_ptr<float>(), made.mutable_data_ptr<float>()),
      "prepare a softmax");
  run_xnn(op);
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
  if (suits(self)) {
    return applied(&xnn_init_f32_sigmoid_config, self);
  }
  at::Tensor made = result_of(self);
  return sigmoid_outf(self, made);
}

at::Tensor& sigmoid_(at::Tensor& self) {
  if (!suits(self)) {
    return sigmoid_outf(self, self);
  }
  apply(&xnn_init_f32_sigmoid_config, self, self);
  return self;
}

at::Tensor tanh(const at::Tensor& self) {
  if (suits(self)) {
    return applied(&xnn_init_f32_tanh_config, self);
  }
  at::Tensor made = result_of(self);
  return tanh_outf(self, made);
}

at::Tensor& tanh_(at::Tensor& self) {
  if (!suits(self)) {
    return tanh_outf(self, self);
  }
  apply(&xnn_init_f32_tanh_config, self, self);
  return self;
}

at::Tensor gelu(const at::Tensor& self, c10::string_view approximate) {
  if (suits(self) && approximate == "none") {
    return applied(&xnn_init_f32_gelu_config, self);
  }
  at::Tensor made = at::empty({0}, self.options());
  return gelu_outf(self, approximate, made);
}

at::Tensor _softmax(const at::Tensor& self, int64_t dim, bool half_to_float) {
  const bool rows = self.dim() > 0 && (dim == -1 || dim == self.dim() - 1);
  if (suits(self) && rows && !half_to_float) {
    return softmax_of_rows(self);
  }
  const auto dtype = half_to_float ? at::kFloat : self.scalar_type();
  at::Tensor made = at::empty({0}, self.options().dtype(dtype));
  return _softmax_outf(self, dim, half_to_float, made);
}

} // namespace at::cpu
