// XNNPACK's operators: owned, checked, and run on the threads of the runtime.
#pragma once

#include <ATen/core/Tensor.h>
#include <caffe2/utils/threadpool/pthreadpool-cpp.h>
#include <xnnpack.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace build_runtime {

struct DeleteOperator {
  void operator()(xnn_operator_t op) const { xnn_delete_operator(op); }
};

using XnnOperator = std::unique_ptr<xnn_operator, DeleteOperator>;

// Throws an error whose text is kept: that of TORCH_CHECK is stripped from this library.
[[noreturn]] void fail_kernel(const std::string& reason);

// `doing` is what XNNPACK was asked for: "pack a convolution".
void check_xnn(xnn_status status, const char* doing);

// Before anything of XNNPACK is made.
void initialise_xnnpack();

void run_xnn(xnn_operator_t op);

// The result of a kernel is clamped to it.
struct Limits {
  float lowest = -std::numeric_limits<float>::infinity();
  float highest = std::numeric_limits<float>::infinity();
};

// Whether the product of sizes can be addressed. None of them is negative.
bool fits(std::initializer_list<int64_t> sizes);

// Refuses weights of `rows` times `columns` whose packed size XNNPACK would compute with an
// overflow: it rounds both up, and adds to each row.
void check_packed_size(int64_t rows, int64_t columns);

// How many outputs of a layer are to be computed at a time, where each has so many numbers as
// weights: XNNPACK goes through all of an operator's weights for every few rows of the input, so
// those of one operator have to stay in a cache.
int64_t outputs_at_a_time(int64_t outputs, int64_t weights);

// The bias of a layer with so many outputs; nothing where there is none. Throws for another one.
std::vector<float> bias_values(const std::optional<at::Tensor>& bias, int64_t outputs);

// Whether a tensor has floats alone, without gaps, in some order of its dimensions.
bool is_dense_float(const at::Tensor& tensor);

// The tensor without gaps in `format`, and with the bytes after its end that XNNPACK may read
// (XNN_EXTRA_BYTES). Nothing is copied that has both.
at::Tensor readable(const at::Tensor& tensor, at::MemoryFormat format);

// The values at `data`, in the order of the sizes.
std::vector<float> strided_values(const float* data, at::IntArrayRef sizes,
                                  at::IntArrayRef strides);

} // namespace build_runtime
