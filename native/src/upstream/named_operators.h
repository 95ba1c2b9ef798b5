// Included before the files of upstream that register operators themselves.
//
// Note [Names of registered operators]. A library that cannot be run where it is built still tells
// which operators it registers. The name in a registration is the text of a section of its own,
// which builder/proof/registered.py reads: not a copy, so that a registration without a name there
// has no name at all. What a file leaves out is not compiled, and neither is its text. The linker
// drops the section of an object with the object. registration.cpp, which is generated, does the
// same.
#pragma once
#include <torch/csrc/jit/mobile/prim_ops_registery.h>
#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/csrc/jit/runtime/register_ops_utils.h>
#include <torch/library.h>

// The compiler must not see through it: it would write short names into instructions.
#define BR_NAMED(text)                                                                     \
  ([]() -> const char* {                                                                   \
    static const char name[] __attribute__((section("br_registered"), aligned(1))) = text; \
    const char* seen = name;                                                               \
    __asm__ volatile("" : "+r"(seen));                                                     \
    return seen;                                                                           \
  }())

#undef TORCH_SELECTIVE_SCHEMA
#define TORCH_SELECTIVE_SCHEMA(text)                                                         \
  torch::detail::SelectiveStr<c10::impl::schema_allowlist_check(text)>([]() -> const char* { \
    if constexpr (c10::impl::schema_allowlist_check(text)) {                                 \
      return BR_NAMED(text);                                                                 \
    }                                                                                        \
    return "";                                                                               \
  }())

// The few that no allow-list selects. Not all of them are given a text: the code that registers one
// refers to what stands between the parentheses, with the quotes if it is a text.
#define Operator(schema, ...) Operator((static_cast<void>(BR_NAMED(#schema)), schema), __VA_ARGS__)
#define prim_op_fn_register(name, function) prim_op_fn_register(BR_NAMED(name), function)
