// Registers selected ATen operators with the dispatcher, and nothing else.
//
// With static dispatch every at::_ops::X::call is a direct C++ call, so one boxed catch-all kernel
// per root operator is enough: it serves every dispatch key, factories (no key at all) included.
// The kernel is registered boxed: the interpreter only makes boxed calls, and an unboxed kernel
// would bring the schema-inference code of its whole signature along.
#pragma once

#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

namespace build_runtime {

template <class Operator>
void boxed_call(
    const c10::OperatorHandle& handle,
    c10::DispatchKeySet keys,
    torch::jit::Stack* stack) {
  using Functor =
      c10::impl::WrapFunctionIntoFunctor<c10::CompileTimeFunctionPointer<
          typename Operator::schema,
          &Operator::call>>;
  c10::impl::make_boxed_from_unboxed_functor<typename Functor::type, false>::call(
      nullptr, handle, keys, stack);
}

template <class Operator>
void register_operator(torch::Library& library, const char* qualified_name) {
  library.def(Operator::schema_str);
  library.impl(
      qualified_name,
      torch::CppFunction::makeFromBoxedFunction<&boxed_call<Operator>>());
}

} // namespace build_runtime
