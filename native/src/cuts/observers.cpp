// Nobody observes what runs: callbacks of profilers are added by C++ functions that this library
// does not export.
#include <ATen/record_function.h>

namespace at {

StepCallbacks getStepCallbacks(RecordScope /*scope*/) {
  return {};
}

std::optional<StepCallbacks> getStepCallbacksUnlessEmpty(RecordScope /*scope*/) {
  return std::nullopt;
}

bool isRecordFunctionEnabled() {
  return false;
}

void enableRecordFunction(bool /*enable*/) {}

bool hasCallbacks() {
  return false;
}

bool hasGlobalCallbacks() {
  return false;
}

} // namespace at
