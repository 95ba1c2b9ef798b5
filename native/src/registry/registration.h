// Gives the interpreter the selected ATen operators, and nothing else.
//
// Note [Registration without the dispatcher]. The interpreter looks an operator up in its own table
// before it asks the dispatcher. With static dispatch every at::_ops::X::call is a direct C++ call,
// so there is nothing left to dispatch: one function per root operator that takes its arguments
// from the stack goes into that table. The dispatcher, the parser of schemas and the inference of
// schemas from C++ types (some 200 KB) are then not needed. Of a schema the interpreter uses only
// how many arguments there are and what the missing ones default to, and the check of bytecode how
// many results.
#pragma once

#include "registry/boxed.h"

#include <ATen/core/function_schema.h>

#include <cstddef>
#include <vector>

namespace torch::jit {
struct ByteCodeFunctionWithOperator;
} // namespace torch::jit

namespace build_runtime {

// One root operator. `arguments` holds one field per argument, separated by '|': an optional '*'
// (keyword only), '!' (written to) or '>' (both: an output), then the default: nothing (required),
// `n` (None), `t`, `f`, `i7`, `d3fe0000000000000` (the bits of 0.5), `stext`, or a list of one
// kind, `I1,1`, `D…`, `Bt,f`. `results` is how many values it puts on the stack.
struct OperatorEntry {
  const char* name; // with its namespace, and its overload after a point
  const char* arguments;
  std::size_t results;
  void (*run)(torch::jit::Stack& stack);
};

// The functions that stand in for operators whose meaning changed, in models from before the
// change; null when no model of the build needs them. Defined by the generated file.
const std::vector<torch::jit::ByteCodeFunctionWithOperator>* upgraders();

// The instructions whose feature was cut from this build, ended by a null. Defined by the generated
// file.
const char* const* cut_instructions();

// The operators of the interpreter itself whose feature was cut: they are registered, and cannot
// run. Ended by a null. Defined by the generated file.
const char* const* cut_operators();

// What operators do to memory, for Note [Methods that keep state].
namespace memory {
constexpr char kNew = 'n';          // it writes nothing, and what it returns is new
constexpr char kHandsOn = 'h';      // it writes nothing, and returns its first argument or a view
constexpr char kWrites = 'w';       // it writes its first argument alone, and returns it or nothing
constexpr char kWritesOthers = 'o'; // it writes others
// '0' to '9': as kNew, if its argument of that number is False; else as kWritesOthers
} // namespace memory

// One text for each operator of which more is known than that it writes nothing: one of the letters
// above, and the name. Sorted by name. Defined by the generated file.
const char* const* memory_uses(std::size_t* count);

// Whether an operator may write to tensors without telling: see Note [Weights] in
// registry/weights.h. Defined by the generated file.
bool weights_may_change();

// An operator that a file of upstream registers with its schema as a text. `arguments` is as that
// of an OperatorEntry, but for a last field `~`: any number of arguments follows. So may any number
// of results.
struct RegisteredSchema {
  const char* name;
  const char* arguments;
  int results;
};

constexpr int kAnyResults = -1;

// Those of all files of upstream that this build links for their operators, sorted by name. Defined
// by the generated file.
const RegisteredSchema* registered_schemas(std::size_t* count);

// Read the arguments of an entry up to `~`; each gets the same name.
std::vector<c10::Argument> read_arguments(const char* text, const char* name);

// Results of which nothing is known but that they are there.
std::vector<c10::Argument> any_results(std::size_t count);

// Returns true, so that a constant can hold the call.
bool register_operators(const OperatorEntry* entries, std::size_t count);

// Take the last arguments of a call off the stack, which a later release added and `release` lacks;
// throw when one is not None.
void drop_later_arguments(torch::jit::Stack& stack, std::size_t count, const char* name,
                          const char* release);

template <class Operator>
void run_operator(torch::jit::Stack& stack) {
  run_functor<typename c10::impl::WrapFunctionIntoFunctor<
      c10::CompileTimeFunctionPointer<typename Operator::schema, &Operator::call>>::type>(nullptr,
                                                                                          stack);
}

} // namespace build_runtime
