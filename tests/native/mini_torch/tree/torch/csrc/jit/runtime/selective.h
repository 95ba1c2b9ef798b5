// A file that registers operators itself is compiled with a header that names the selected ones.
#pragma once

#include <ATen/selected_mobile_ops.h>
#include <torch/csrc/jit/runtime/operator.h>

#define MINI_TEXT_(...) #__VA_ARGS__
#define MINI_TEXT(...) MINI_TEXT_(__VA_ARGS__)

namespace torch::jit {

// The allow-list is names with semicolons between them; a schema begins with its name.
constexpr bool is_selected(const char* allowed, const char* schema) {
  while (*allowed != '\0') {
    const char* name = schema;
    while (*allowed == *name && *name != '(') {
      ++allowed;
      ++name;
    }
    if (*name == '(' && (*allowed == ';' || *allowed == '\0')) {
      return true;
    }
    while (*allowed != '\0' && *allowed++ != ';') {
    }
  }
  return false;
}

template <bool Selected>
struct SelectedOperator {
  SelectedOperator(const char*, Operation) {}
};

template <>
struct SelectedOperator<true> : Operator {
  using Operator::Operator;
};

} // namespace torch::jit

#define MINI_OPERATOR(variable, schema, operation)                       \
  [[maybe_unused]] torch::jit::SelectedOperator<torch::jit::is_selected( \
      MINI_TEXT(TORCH_OPERATOR_WHITELIST), schema)>                      \
  variable(schema, operation)
