#pragma once

#include <torch/csrc/jit/runtime/operator.h>

namespace torch::jit::mobile {

inline Operator prim_op_fn_register(const char* name, Operation operation) {
  return {name, operation};
}

} // namespace torch::jit::mobile
