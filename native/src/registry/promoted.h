// The operators of the interpreter's own table (PyTorch 2.6,
// torch/csrc/jit/mobile/promoted_prim_ops.cpp): it can be asked for a name, but not listed, and
// knows no schemas.
#pragma once

#include <cstdint>

namespace build_runtime {

// What an operator takes from the stack and puts there. `ends`: nothing after it is run.
struct PromotedOperator {
  const char* name = nullptr;
  int64_t takes = 0;
  int64_t gives = 0;
  bool ends = false;
};

// The number of arguments stands in each call.
constexpr int64_t kCounted = -1;

// A message, and since PyTorch 1.11 the class of the exception.
constexpr int64_t kMessage = -2;

constexpr PromotedOperator kPromoted[] = {
    {"aten::Bool.Tensor", 1, 1},
    {"aten::__getitem__.Dict_str", 2, 1},
    {"aten::__is__", 2, 1},
    {"aten::__isnot__", 2, 1},
    {"aten::__not__", 1, 1},
    {"aten::dim", 1, 1},
    {"aten::format", kCounted, 1},
    {"prim::NumToTensor.Scalar", 1, 1},
    {"prim::RaiseException", kMessage, 0, true},
    {"prim::TupleIndex", 2, 1},
    {"prim::Uninitialized", 0, 1},
    {"prim::device", 1, 1},
    {"prim::dtype", 1, 1},
    {"prim::is_cuda", 1, 1},
    {"prim::layout", 1, 1},
    {"prim::unchecked_cast", 1, 1},
};

} // namespace build_runtime
