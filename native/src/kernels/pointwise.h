// Functions of single floats, computed several at a time.
#pragma once

#include "kernels/lanes.h"

#include <ATen/TensorIterator.h>

#include <utility>

namespace build_runtime {

inline bool is_float(const at::TensorIteratorBase& operands) {
  for (int number = 0; number < operands.ntensors(); ++number) {
    if (operands.dtype(number) != at::kFloat) {
      return false;
    }
  }
  return true;
}

// Where the operands of a loop begin, the result first, and the bytes from one number to the next.
struct Loop {
  char** data;
  const int64_t* strides;

  LANES_INLINE Lanes load(size_t operand, int64_t first, int64_t count) const {
    if (strides[operand] == 0) { // one number for all
      return Lanes{} + *reinterpret_cast<const float*>(data[operand]);
    }
    return load_lanes(data[operand] + first * strides[operand], strides[operand], count);
  }

  LANES_INLINE void store(Lanes lanes, int64_t first, int64_t count) const {
    store_lanes(lanes, data[0] + first * strides[0], strides[0], count);
  }
};

template <class Function, size_t... Input>
LANES_INLINE inline void run_loop(const Loop& loop, int64_t count, const Function& function,
                                  std::index_sequence<Input...> /* inputs */) {
  for (int64_t first = 0; first < count; first += kLanes) {
    const int64_t here = std::min(kLanes, count - first);
    loop.store(function(loop.load(Input + 1, first, here)...), first, here);
  }
}

// Computes the result from each of the inputs, all of which are floats.
template <size_t inputs, class Function>
void compute(at::TensorIteratorBase& operands, const Function& function) {
  operands.for_each([&](char** data, const int64_t* strides, int64_t count) {
    run_loop(Loop{data, strides}, count, function, std::make_index_sequence<inputs>());
  });
}

// The same of a function that computes much of each number; it is to be inlined: see `run_lanes`.
template <size_t inputs, class Function>
void compute_much(at::TensorIteratorBase& operands, const Function& function) {
  operands.for_each([&](char** data, const int64_t* strides, int64_t count) {
    run_lanes([&]() LANES_INLINE {
      run_loop(Loop{data, strides}, count, function, std::make_index_sequence<inputs>());
    });
  });
}

// Computes the result where all are floats. Returns false, and does nothing, for others.
template <size_t inputs, class Function>
bool computed(at::TensorIteratorBase& operands, const Function& function) {
  if (!is_float(operands)) {
    return false;
  }
  compute<inputs>(operands, function);
  return true;
}

} // namespace build_runtime
