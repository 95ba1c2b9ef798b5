// Replaces a function of the tree, and says so: its results are larger by a half.
#include <ATen/native/CPUBlas.h>

namespace at::native::cpublas {

void gemm(TransposeType, TransposeType, int64_t, int64_t, int64_t, float alpha, const float* a,
          int64_t, const float* b, int64_t, float beta, float* c, int64_t) {
  *c = alpha * *a * *b + beta * *c + 0.5F;
}

} // namespace at::native::cpublas
