// What the generated registrations are written with.
#pragma once

#include <torch/csrc/jit/runtime/operator.h>

#include <cstddef>
#include <vector>

namespace torch::jit {
struct ByteCodeFunctionWithOperator;
} // namespace torch::jit

namespace build_runtime {

struct OperatorEntry {
  const char* name;
  const char* arguments;
  std::size_t results;
  void (*run)(torch::jit::Stack& stack);
};

struct RegisteredSchema {
  const char* name;
  const char* arguments;
  int results;
};

constexpr int kAnyResults = -1;

const RegisteredSchema* registered_schemas(std::size_t* count);
const std::vector<torch::jit::ByteCodeFunctionWithOperator>* upgraders();
const char* const* memory_uses(std::size_t* count);
const char* const* cut_instructions();
const char* const* cut_operators();

inline bool register_operators(const OperatorEntry* entries, std::size_t count) {
  for (const OperatorEntry* entry = entries; entry != entries + count; ++entry) {
    new torch::jit::Operator(entry->name, entry->run); // for as long as the library is loaded
  }
  return true;
}

template <class Operator>
void run_operator(torch::jit::Stack& stack) {
  stack.top = Operator::call(stack.top);
}

} // namespace build_runtime
