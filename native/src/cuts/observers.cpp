// Nobody observes what runs: callbacks of profilers are added by C++ functions that this library
// does not export. C++ of the user's own that adds one is told that it would never be called.
#include "registry/missing_feature.h"

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

CallbackHandle addGlobalCallback(RecordFunctionCallback /*callback*/) {
  build_runtime::missing_feature("observers");
}

CallbackHandle addThreadLocalCallback(RecordFunctionCallback /*callback*/) {
  build_runtime::missing_feature("observers");
}

} // namespace at
