#define BUILD_RUNTIME_IMPLEMENTATION
#include "api/value_file.h"
#include "build_runtime.h"

#include <exception>

#include <stdio.h>
#include <stdlib.h>

struct br_module {
  torch::jit::mobile::Module module;
};

extern "C" const char br_manifest_text[];

namespace {

char last_error[256];

template <class Body>
auto guarded(const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::exception& error) {
    snprintf(last_error, sizeof(last_error), "%s", error.what());
    return nullptr;
  }
}

} // namespace

const char* br_operator_name(size_t index) {
  const torch::jit::Operator* it = torch::jit::first_operator();
  for (; it != nullptr && index > 0; --index) {
    it = it->next;
  }
  return it == nullptr ? nullptr : it->name;
}

const char* br_manifest_json(void) {
  return br_manifest_text;
}

br_module* br_module_load(const void* data, size_t size) {
  return guarded([&] { return new br_module{torch::jit::mobile::load(data, size)}; });
}

const char* br_module_method(const br_module* module) {
  return module->module.method;
}

void* br_module_run(const br_module* module, const void* inputs, size_t size, size_t* result_size) {
  void* results = malloc(size + 1);
  void* written = results == nullptr ? nullptr : guarded([&]() -> void* {
    const char* file = static_cast<const char*>(inputs);
    *result_size =
        build_runtime::run_cases(module->module, file, size, static_cast<char*>(results));
    return results;
  });
  if (written == nullptr) {
    free(results);
  }
  return written;
}

void br_module_free(br_module* module) {
  delete module;
}

const char* br_error(void) {
  return last_error;
}
