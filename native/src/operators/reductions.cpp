// `prim::ReductionSizes`: LibTorch erases beyond the list when an axis is out of range.
#include "registry/exported.h"

#include <ATen/core/ivalue.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace build_runtime {
namespace {

std::vector<bool> reduced_axes(size_t rank, const c10::List<int64_t>& axes) {
  std::vector<bool> reduced(rank);
  for (const int64_t axis : axes) {
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) {
      throw std::out_of_range("an axis to reduce is out of range");
    }
    reduced[axis] = true;
  }
  return reduced;
}

void reduction_sizes(torch::jit::Stack& stack) {
  const bool keep = torch::jit::pop(stack).toBool();
  const auto axes = torch::jit::pop(stack).toIntList();
  const auto sizes = torch::jit::pop(stack).toIntVector();
  const auto reduced = reduced_axes(sizes.size(), axes);
  std::vector<int64_t> left;
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    if (!reduced[axis]) {
      left.push_back(sizes[axis]);
    } else if (keep) {
      left.push_back(1);
    }
  }
  stack.emplace_back(std::move(left));
}

} // namespace
} // namespace build_runtime

using namespace build_runtime;

BR_OPERATOR(br_kernel_4prim_14ReductionSizes_0, &reduction_sizes)
