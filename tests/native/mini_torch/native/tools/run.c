/* build-runtime-run of mini_torch: the options that the tool itself calls it with. */
#include "build_runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_MODEL = 3, EXIT_RUN = 6 };

static int complain(int code, const char* what) {
  fprintf(stderr, "build-runtime-run: %s\n", what);
  return code;
}

static void* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  void* data = NULL;
  long end;
  if (file == NULL) {
    return NULL;
  }
  if (fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
    *size = (size_t)end;
    data = malloc(*size + 1);
    if (data != NULL && fread(data, 1, *size, file) != *size) {
      free(data);
      data = NULL;
    }
  }
  fclose(file);
  return data;
}

static int write_file(const char* path, const void* data, size_t size) {
  FILE* file = fopen(path, "wb");
  const int whole = file != NULL && fwrite(data, 1, size, file) == size;
  return file != NULL && fclose(file) == 0 && whole
             ? 0
             : complain(EXIT_USAGE, "cannot write the outputs");
}

static int list_operators(void) {
  size_t index;
  for (index = 0; br_operator_name(index) != NULL; ++index) {
    /* a registration may go on with the rest of its schema */
    const char* name = br_operator_name(index);
    printf("%s\"%.*s\"", index == 0 ? "[" : ", ", (int)strcspn(name, "("), name);
  }
  puts(index == 0 ? "[]" : "]");
  return 0;
}

static int run_cases(const br_module* module, const char* inputs, const char* outputs) {
  size_t size = 0;
  size_t result_size = 0;
  int code;
  void* data = read_file(inputs, &size);
  void* results;
  if (data == NULL) {
    return complain(EXIT_USAGE, "cannot read the inputs");
  }
  results = br_module_run(module, data, size, &result_size);
  code =
      results == NULL ? complain(EXIT_RUN, br_error()) : write_file(outputs, results, result_size);
  free(results);
  free(data);
  return code;
}

static int with_model(int argc, char** argv) {
  size_t size = 0;
  int code = 0;
  void* data = read_file(argv[1], &size);
  br_module* module;
  if (data == NULL) {
    return complain(EXIT_USAGE, "cannot read the model");
  }
  module = br_module_load(data, size);
  free(data);
  if (module == NULL) {
    return complain(EXIT_MODEL, br_error());
  }
  if (argc == 3 && strcmp(argv[2], "--methods") == 0) {
    printf("[\"%s\"]\n", br_module_method(module));
  } else if (argc == 6 && strcmp(argv[2], "--inputs") == 0 && strcmp(argv[4], "--outputs") == 0) {
    code = run_cases(module, argv[3], argv[5]);
  } else {
    code = complain(EXIT_USAGE, "unknown options");
  }
  br_module_free(module);
  return code;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--operators") == 0) {
    return list_operators();
  }
  if (argc == 2 && strcmp(argv[1], "--manifest") == 0) {
    return puts(br_manifest_json()) < 0;
  }
  return argc > 2 ? with_model(argc, argv) : complain(EXIT_USAGE, "no model");
}
