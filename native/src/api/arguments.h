// From what a caller passes to what a method declares.
#pragma once

#include "api/value.h"

#include <torch/csrc/jit/mobile/function.h>

namespace build_runtime {

// The stack a method runs on: `self`, the arguments in their declared types, then the defaults.
// Throws Failure (BR_INVALID_ARGUMENT) naming the argument that does not fit.
std::vector<c10::IValue> make_stack(const torch::jit::mobile::Function& function, c10::IValue self,
                                    c10::ArrayRef<const br_value*> arguments);

} // namespace build_runtime
