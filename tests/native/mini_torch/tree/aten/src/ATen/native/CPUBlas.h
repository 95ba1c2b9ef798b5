#pragma once

#include <stdint.h>

namespace at::native {

enum class TransposeType { NoTranspose, Transpose };

namespace cpublas {

void gemm(TransposeType transa, TransposeType transb, int64_t m, int64_t n, int64_t k, float alpha,
          const float* a, int64_t lda, const float* b, int64_t ldb, float beta, float* c,
          int64_t ldc);

} // namespace cpublas
} // namespace at::native
