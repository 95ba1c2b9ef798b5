// How a kernel of ours is found: by the C name that the builder gives to an operator
// (`kernel_symbol` in builder/libtorch/mangling.py), or to a class (builder/data/classes.toml).
#pragma once

#include "registry/boxed.h"

// `function` is what the operator runs, with its arguments in the order of the schema.
#define BR_KERNEL(symbol, function)                 \
  extern "C" void symbol(torch::jit::Stack& stack); \
  void symbol(torch::jit::Stack& stack) {           \
    build_runtime::run_function(function, stack);   \
  }

// `function` takes its arguments from the stack, and leaves its results there.
#define BR_OPERATOR(symbol, function)               \
  extern "C" void symbol(torch::jit::Stack& stack); \
  void symbol(torch::jit::Stack& stack) {           \
    (function)(stack);                              \
  }

// The body registers the class; the value only lets a constant hold the call.
#define BR_CLASS(symbol)    \
  extern "C" bool symbol(); \
  bool symbol()
