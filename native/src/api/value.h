// The handle behind br_value, and how the interface makes new ones.
#pragma once

#include "api/error.h"

#include <ATen/core/ivalue.h>

struct br_value {
  c10::IValue value;
};

namespace build_runtime {

// Hand a value to the caller; `out` is written last, so that a failure leaves it untouched.
void give(br_value** out, c10::IValue value);

// The name of a value's kind, for messages: "tensor", "list".
const char* kind_name(const c10::IValue& value);

// The dtype's name in PyTorch's Python interface, such as "float32".
const char* dtype_name(c10::ScalarType dtype);

// The kind of a value as the interface names it.
br_kind kind_of(const c10::IValue& value);

} // namespace build_runtime
