// Calls a C++ function with arguments from the interpreter's stack, and leaves its results there.
#pragma once

#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/core/stack.h>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace build_runtime {

template <class Functor>
void run_functor(c10::OperatorKernel* functor, torch::jit::Stack& stack) {
  using Traits = c10::guts::infer_function_traits_t<Functor>;
  using Result = std::decay_t<typename Traits::return_type>;
  constexpr std::size_t count = Traits::number_of_parameters;
  if constexpr (std::is_void_v<Result>) {
    c10::impl::call_functor_with_args_from_stack<Functor, false>(functor, {}, &stack);
    torch::jit::drop(stack, count);
  } else {
    Result result =
        c10::impl::call_functor_with_args_from_stack<Functor, false>(functor, {}, &stack);
    torch::jit::drop(stack, count);
    c10::impl::push_outputs<Result, false>::call(std::move(result), &stack);
  }
}

// `function` is a pointer or a lambda.
template <class Function>
void run_function(Function function, torch::jit::Stack& stack) {
  using Functor = c10::impl::WrapFunctionIntoRuntimeFunctor<Function>;
  Functor functor(std::move(function));
  run_functor<Functor>(&functor, stack);
}

} // namespace build_runtime
