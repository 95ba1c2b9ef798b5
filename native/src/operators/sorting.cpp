// `sort` and `sorted` of lists that LibTorch's lite interpreter cannot sort, or not safely.
//
// LibTorch asks a tuple for its type before it sorts tuples; mobile builds have types of another
// kind (DynamicType), and always refuse. Lists of floats and tensors it sorts with std::sort, which
// may leave the list where a comparison has no order, as with NaN: std::stable_sort does not.
#include "registry/exported.h"

#include <ATen/core/ivalue.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace build_runtime {
namespace {

using c10::IValue;

// What one comparator, made from `one`, can compare.
bool alike(const IValue& one, const IValue& other) {
  if (one.isTuple() && other.isTuple()) {
    const auto& ours = one.toTupleRef().elements();
    const auto& theirs = other.toTupleRef().elements();
    return std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(), &alike);
  }
  return (one.isTensor() && other.isTensor()) || (one.isDouble() && other.isDouble()) ||
         (one.isInt() && other.isInt()) || (one.isBool() && other.isBool()) ||
         (one.isString() && other.isString());
}

template <class Compare>
void sort_by(const c10::List<IValue>& list, const Compare& compare) {
  std::vector<IValue> values(list.begin(), list.end());
  std::stable_sort(values.begin(), values.end(), compare);
  for (size_t i = 0; i < values.size(); ++i) {
    list.set(i, std::move(values[i]));
  }
}

void sort(const c10::List<IValue>& list, bool reverse) {
  if (list.empty()) {
    return;
  }
  const IValue& first = list.get(0);
  for (const IValue& value : list) {
    if (!alike(first, value)) {
      throw std::runtime_error(
          "only tensors, ints, floats, bools, strs and tuples of these can be sorted, all alike");
    }
  }
  sort_by(list, reverse ? c10::getGreaterThanComparator(first) : c10::getLessThanComparator(first));
}

// Apart from the others, as their comparators need kernels that compare tensors.
void sort_floats(const c10::List<IValue>& list, bool reverse) {
  sort_by(list, [reverse](const IValue& one, const IValue& other) {
    return reverse ? other.toDouble() < one.toDouble() : one.toDouble() < other.toDouble();
  });
}

template <void (*Sort)(const c10::List<IValue>&, bool)>
void sort_in_place(torch::jit::Stack& stack) {
  const bool reverse = torch::jit::pop(stack).toBool();
  Sort(torch::jit::pop(stack).toList(), reverse);
}

template <void (*Sort)(const c10::List<IValue>&, bool)>
void sorted_copy(torch::jit::Stack& stack) {
  auto list = torch::jit::pop(stack).toList().copy();
  Sort(list, false);
  stack.emplace_back(std::move(list));
}

} // namespace
} // namespace build_runtime

using namespace build_runtime;

BR_OPERATOR(br_kernel_4aten_4sort_6Tensor, &sort_in_place<&sort>)
BR_OPERATOR(br_kernel_4aten_4sort_3any, &sort_in_place<&sort>)
BR_OPERATOR(br_kernel_4aten_4sort_5float, &sort_in_place<&sort_floats>)
BR_OPERATOR(br_kernel_4aten_6sorted_6Tensor, &sorted_copy<&sort>)
BR_OPERATOR(br_kernel_4aten_6sorted_3any, &sorted_copy<&sort>)
BR_OPERATOR(br_kernel_4aten_6sorted_5float, &sorted_copy<&sort_floats>)
