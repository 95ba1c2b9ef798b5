#include <ATen/native/CPUBlas.h>
#include <ATen/native/cpu/Loops.h>
#include <ATen/ops/square_native.h>

namespace at::native {
namespace cpublas {

__attribute__((noinline)) void gemm(TransposeType, TransposeType, int64_t, int64_t, int64_t,
                                    float alpha, const float* a, int64_t, const float* b, int64_t,
                                    float beta, float* c, int64_t) {
  *c = alpha * *a * *b + beta * *c;
}

} // namespace cpublas

// The product is in the same file: the compiler knows it, and calls it by its name.
Tensor square(const Tensor& self) {
  Tensor result = self;
  for (size_t i = 0; i < result.count(); ++i) {
    const float value = self.data<float>()[i];
    constexpr auto kAsIs = TransposeType::NoTranspose;
    cpublas::gemm(kAsIs, kAsIs, 1, 1, 1, 1, &value, 1, &value, 1, 0, &result.data<float>()[i], 1);
  }
  return result;
}

} // namespace at::native
