/* A runtime for the program that times models: one model crashes, and all others are refused, with
 * their name as the reason. */
#include "build_runtime.h"

#include <stdlib.h>
#include <string.h>

struct br_error {
  const char* text;
};

struct br_module {
  int unused;
};

br_status br_module_load_file(const char* path, br_module** module, br_error** error) {
  static br_module made;
  static br_error refused;
  if (strcmp(path, "crash") == 0) {
    *module = &made;
    return BR_OK;
  }
  refused.text = path;
  *error = &refused;
  return BR_BAD_MODEL;
}

br_status br_module_run(br_module* module, const char* method, const br_value* const* arguments,
                        size_t argument_count, br_value** result, br_error** error) {
  (void)module, (void)method, (void)arguments, (void)argument_count, (void)result, (void)error;
  abort();
}

const char* br_error_message(const br_error* error) {
  return error->text;
}

void br_error_free(br_error* error) {
  (void)error;
}

void br_module_free(br_module* module) {
  (void)module;
}

void br_value_free(br_value* value) {
  (void)value;
}
