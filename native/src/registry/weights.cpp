#include "registry/weights.h"

#include "registry/registration.h"

namespace build_runtime {
namespace {

// Set before anything runs: by a constant of the kernel that listens.
WeightObserver* listening = nullptr;

} // namespace

bool observe_weights(WeightObserver* observer) {
  listening = observer;
  return true;
}

void tell_owned(const c10::IValue& module) {
  if (listening == nullptr || weights_may_change()) {
    return;
  }
  module.visit([](const c10::IValue& value) {
    if (value.isTensor() && value.toTensor().defined()) {
      listening->owned(value.toTensor());
    }
    return false; // go on, and into what it holds
  });
}

void tell_written(const c10::IValue& value) {
  if (listening == nullptr) {
    return;
  }
  if (value.isTensor() && value.toTensor().defined()) {
    listening->written(value.toTensor());
  } else if (value.isTensorList()) {
    for (const c10::IValue& item : value.toListRef()) {
      listening->written(item.toTensor());
    }
  }
}

void tell_dropped() {
  if (listening != nullptr) {
    listening->dropped();
  }
}

} // namespace build_runtime
