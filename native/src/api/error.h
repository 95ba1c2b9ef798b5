// How failures travel: thrown inside the library, turned into a status at its border.
#pragma once

#define BUILD_RUNTIME_IMPLEMENTATION
#include "build_runtime.h"

#include <c10/util/FunctionRef.h>

#include <string>

namespace build_runtime {

// A failure this library found itself, with the status and the sentence its caller will see.
struct Failure {
  br_status status;
  std::string message;
};

[[noreturn]] void fail(br_status status, std::string message);

// Run `body`; if it throws, make the error object and return its status. The handlers exist once in
// the library, not once per function of the interface. `foreign` is the status for what LibTorch
// throws: what it means depends on what was being done.
br_status guard(br_error** error, c10::function_ref<void()> body,
                br_status foreign = BR_INTERNAL) noexcept;

// Put `prefix` before the message of an error that was already made; without memory, leave it.
void prepend(br_error** error, const std::string& prefix) noexcept;

// Throw BR_INVALID_ARGUMENT unless the pointer an interface function was given is set.
inline void require(const void* pointer, const char* name) {
  if (pointer == nullptr) {
    fail(BR_INVALID_ARGUMENT, std::string(name) + " is NULL");
  }
}

} // namespace build_runtime
