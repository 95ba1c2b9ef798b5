#include "api/error.h"

#include <c10/util/Exception.h>
#include <torch/csrc/jit/runtime/jit_exception.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

struct br_error {
  br_status status;
  // Two zero-terminated texts in the same allocation; the second starts at `class_offset`.
  size_t class_offset;
  char text[1];
};

namespace build_runtime {
namespace {

// What a caller gets when there is no memory left to describe a failure. It is never freed.
br_error no_memory = {BR_OUT_OF_MEMORY, 0, ""};

br_error* make_error(br_status status, const char* prefix, const char* message,
                     const char* python_class) {
  const size_t prefix_size = std::strlen(prefix);
  const size_t message_size = std::strlen(message) + 1;
  const size_t class_size = std::strlen(python_class) + 1;
  auto* error = static_cast<br_error*>(
      std::malloc(sizeof(br_error) + prefix_size + message_size + class_size));
  if (error == nullptr) {
    return &no_memory;
  }
  error->status = status;
  error->class_offset = prefix_size + message_size;
  std::memcpy(error->text, prefix, prefix_size);
  std::memcpy(error->text + prefix_size, message, message_size);
  std::memcpy(error->text + error->class_offset, python_class, class_size);
  return error;
}

// LibTorch is built without its messages: what is left of a failed check is its condition, or
// "false", and the source file. Only ever shortens `text`.
void tidy(char* text) {
  static const char separator[] = "\"\" CHECK FAILED at \"";
  char* found = std::strstr(text, separator);
  if (found == nullptr) {
    return;
  }
  const bool unconditional = found - text == 5 && std::strncmp(text, "false", 5) == 0;
  const char* verdict = unconditional ? "refused (" : " does not hold (";
  char* out = unconditional ? text : found;
  const char* file = found + sizeof(separator) - 1;
  const size_t file_size = std::strcspn(file, "\"");
  std::memmove(out + std::strlen(verdict), file, file_size);
  std::memcpy(out, verdict, std::strlen(verdict));
  std::memcpy(out + std::strlen(verdict) + file_size, ")", 2);
}

br_status report(br_error** out, br_status status, const char* message,
                 const char* python_class = "") {
  if (out != nullptr) {
    *out = make_error(status, "", message, python_class);
    if (*out != &no_memory) {
      tidy((*out)->text);
    }
  }
  return status;
}

} // namespace

void fail(br_status status, std::string message) {
  throw Failure{status, std::move(message)};
}

br_status guard(br_error** error, c10::function_ref<void()> body, br_status foreign) noexcept {
  try {
    body();
    return BR_OK;
  } catch (const Failure& failure) {
    return report(error, failure.status, failure.message.c_str());
  } catch (const torch::jit::JITException& raised) {
    const auto python_class = raised.getPythonClassName();
    return report(error, BR_MODEL_RAISED, raised.what(), python_class ? python_class->c_str() : "");
  } catch (const c10::Error& refused) {
    return report(error, foreign, refused.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return report(error, BR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& other) {
    return report(error, foreign, other.what());
  } catch (...) {
    return report(error, BR_INTERNAL, "unknown exception");
  }
}

void prepend(br_error** error, const std::string& prefix) noexcept {
  if (error == nullptr || *error == &no_memory) {
    return;
  }
  br_error* old = *error;
  br_error* made =
      make_error(old->status, prefix.c_str(), old->text, old->text + old->class_offset);
  if (made != &no_memory) {
    *error = made;
    std::free(old);
  }
}

} // namespace build_runtime

using build_runtime::no_memory;

br_status br_error_status(const br_error* error) {
  return error == nullptr ? BR_OK : error->status;
}

const char* br_error_message(const br_error* error) {
  if (error == nullptr) {
    return "";
  }
  return error == &no_memory ? "out of memory" : error->text;
}

const char* br_error_python_class(const br_error* error) {
  return error == nullptr ? "" : error->text + error->class_offset;
}

void br_error_free(br_error* error) {
  if (error != &no_memory) {
    std::free(error);
  }
}
