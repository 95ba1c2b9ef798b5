// The dispatcher of a runtime whose operators are all in the interpreter's own table (Note
// [Registration without the dispatcher] in registry/registration.h): nothing is registered with it,
// and what it is asked for is not there.
#include <ATen/core/dispatch/Dispatcher.h>

namespace c10 {

// NOLINTBEGIN(readability-convert-member-functions-to-static): as upstream declares them
std::optional<OperatorHandle> Dispatcher::findOp(const OperatorName& /*name*/) {
  return std::nullopt;
}

std::optional<OperatorHandle> Dispatcher::findSchema(const OperatorName& /*name*/) {
  return std::nullopt;
}
// NOLINTEND(readability-convert-member-functions-to-static)

// Never constructed: whoever has it can only ask the two questions above, whose answers read
// nothing.
Dispatcher& Dispatcher::realSingleton() {
  alignas(Dispatcher) static char memory[sizeof(Dispatcher)];
  return *reinterpret_cast<Dispatcher*>(memory);
}

} // namespace c10
