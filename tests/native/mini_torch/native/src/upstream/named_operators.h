// As that for LibTorch: the names in registrations are the text of a section.
#pragma once
#include <torch/csrc/jit/mobile/promoted_prim_ops.h>
#include <torch/csrc/jit/runtime/selective.h>

#define MINI_NAMED(text, selected)                                                           \
  ([]() -> const char* {                                                                     \
    if constexpr (selected) {                                                                \
      static const char name[] __attribute__((section("br_registered"), aligned(1))) = text; \
      const char* seen = name;                                                               \
      __asm__ volatile("" : "+r"(seen));                                                     \
      return seen;                                                                           \
    }                                                                                        \
    return text;                                                                             \
  }())

#undef MINI_OPERATOR
#define MINI_OPERATOR(variable, schema, operation)                                              \
  [[maybe_unused]] torch::jit::SelectedOperator<torch::jit::is_selected(                        \
      MINI_TEXT(TORCH_OPERATOR_WHITELIST), schema)>                                             \
  variable(                                                                                     \
      MINI_NAMED(schema, torch::jit::is_selected(MINI_TEXT(TORCH_OPERATOR_WHITELIST), schema)), \
      operation)
#define prim_op_fn_register(name, function) prim_op_fn_register(MINI_NAMED(name, true), function)
