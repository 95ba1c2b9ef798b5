// The interpreter's own table of operators: constructors fill it, models look names up.
#pragma once

#include <ATen/core/stack.h>

namespace torch::jit {

using Operation = void (*)(Stack& stack);

// One registration; `name` may go on with the rest of a schema.
struct Operator {
  Operator(const char* name, Operation operation);

  const char* name;
  Operation operation;
  Operator* next;
};

const Operator* first_operator();

// Returns null for a name that is not registered.
Operation find_operation(const char* name);

} // namespace torch::jit
