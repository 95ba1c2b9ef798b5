#include "kernels/xnnpack.h"

#include "kernels/lanes.h"

#include <ATen/ops/empty.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <c10/util/accumulate.h>

extern "C" {
#include <xnnpack/hardware-config.h>
}

#include <algorithm>
#include <cstring>
#include <limits>

namespace build_runtime {
namespace {

// Above what any microkernel rounds the rows and columns of packed weights up to.
constexpr int64_t kMaxTile = 64;

// XNNPACK computes the bytes of a row in 32 bits (src/operators/deconvolution-nhwc.c).
constexpr int64_t kMaxRow = std::numeric_limits<int32_t>::max() / sizeof(float);

bool has_extra_bytes(const at::Tensor& tensor) {
  const at::Storage& storage = tensor.storage();
  if (storage.allocator() == c10::GetDefaultMobileCPUAllocator()) {
    return true; // it adds a guard of this size
  }
  const size_t begin = static_cast<size_t>(tensor.storage_offset()) * tensor.itemsize();
  return begin + tensor.nbytes() + XNN_EXTRA_BYTES <= storage.nbytes();
}

} // namespace

void fail_kernel(const std::string& reason) {
  throw c10::Error(c10::SourceLocation{__func__, __FILE__, __LINE__}, reason);
}

void check_xnn(xnn_status status, const char* doing) {
  switch (status) {
    case xnn_status_success:
      return;
    case xnn_status_out_of_memory:
      fail_kernel(std::string("not enough memory to ") + doing);
    case xnn_status_unsupported_hardware:
      fail_kernel(std::string("this processor lacks what XNNPACK needs to ") + doing);
    default:
      fail_kernel(std::string("XNNPACK refused to ") + doing);
  }
}

void initialise_xnnpack() {
  static const xnn_status status = xnn_initialize(nullptr);
  check_xnn(status, "start");
}

void run_xnn(xnn_operator_t op) {
  check_xnn(xnn_run_operator(op, caffe2::pthreadpool_()), "run");
}

bool fits(std::initializer_list<int64_t> sizes) {
  ptrdiff_t product = 1;
  bool impossible = false;
  for (const int64_t size : sizes) {
    impossible |= __builtin_mul_overflow(product, size, &product);
  }
  return !impossible;
}

void check_packed_size(int64_t rows, int64_t columns) {
  const int64_t row = columns + kMaxTile;
  if (row > kMaxRow || !fits({rows + kMaxTile, row, sizeof(float)})) {
    fail_kernel("the weights are too large to be packed");
  }
}

int64_t outputs_at_a_time(int64_t outputs, int64_t weights) {
  constexpr int64_t kCache = int64_t{512} * 1024 / sizeof(float);
  constexpr int64_t kMostParts = 8; // each has to know where its input lies
  constexpr int64_t kStep = 64;     // a multiple of what microkernels compute at a time
  const int64_t parts = std::clamp<int64_t>(outputs * weights / kCache, 1, kMostParts);
  const int64_t wanted = (outputs + parts - 1) / parts;
  return std::min(outputs, (wanted + kStep - 1) / kStep * kStep);
}

std::vector<float> bias_values(const std::optional<at::Tensor>& bias, int64_t outputs) {
  if (!bias || !bias->defined()) {
    return {};
  }
  if (bias->dim() != 1 || bias->size(0) != outputs || bias->scalar_type() != at::kFloat ||
      bias->layout() != at::kStrided) {
    fail_kernel("the bias is not " + std::to_string(outputs) + " float32 numbers");
  }
  return strided_values(bias->const_data_ptr<float>(), bias->sizes(), bias->strides());
}

#if defined(__x86_64__) || defined(__i386__)

bool has_avx2() {
  static const bool has = [] {
    const xnn_hardware_config* hardware = xnn_init_hardware_config();
    return hardware != nullptr && hardware->use_x86_avx2 && hardware->use_x86_fma3;
  }();
  return has;
}

#endif

bool is_dense_float(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kFloat && tensor.layout() == at::kStrided &&
         tensor.numel() > 0 && tensor.is_non_overlapping_and_dense() && !tensor.is_neg();
}

at::Tensor readable(const at::Tensor& tensor, at::MemoryFormat format) {
  at::Tensor dense = tensor.contiguous(format);
  if (has_extra_bytes(dense)) {
    return dense;
  }
  at::Tensor copy = at::empty(dense.sizes(), dense.options().memory_format(format));
  std::memcpy(copy.mutable_data_ptr(), dense.const_data_ptr(), dense.nbytes());
  return copy;
}

std::vector<float> strided_values(const float* data, at::IntArrayRef sizes,
                                  at::IntArrayRef strides) {
  std::vector<float> values(static_cast<size_t>(c10::multiply_integers(sizes)));
  std::vector<int64_t> index(sizes.size(), 0);
  int64_t offset = 0;
  for (float& value : values) {
    value = data[offset];
    for (size_t d = sizes.size(); d-- > 0;) {
      offset += strides[d];
      if (++index[d] < sizes[d]) {
        break;
      }
      offset -= sizes[d] * strides[d];
      index[d] = 0;
    }
  }
  return values;
}

} // namespace build_runtime
