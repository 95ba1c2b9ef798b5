/* consume_refusals FOREIGN.ptl MODEL.ptl SIZE...: what a program sees that asks for what a runtime
 * does not hold, and that it goes on afterwards: a model of another runtime is refused, an input of
 * a dtype that was not selected is an error, the same module runs again. Prints a status and a text
 * for each. */
#include <build_runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 8 };

static int told(br_status status, br_error* error) {
  printf("%d %s\n", (int)status, error == NULL ? "ok" : br_error_message(error));
  if (error != NULL && br_error_status(error) != status) {
    fprintf(stderr, "error: the error object has another status\n");
    return 1;
  }
  br_error_free(error);
  return 0;
}

/* Run the model on a tensor of zeros of a dtype. */
static int run(br_module* module, br_dtype dtype, size_t item, size_t rank, const int64_t* shape) {
  br_value* input = NULL;
  br_value* output = NULL;
  br_error* error = NULL;
  br_status status;
  size_t count = 1;
  size_t i;
  void* zeros;
  int code;
  for (i = 0; i < rank; ++i) {
    count *= (size_t)shape[i];
  }
  zeros = calloc(count, item);
  status = br_value_tensor_copy(dtype, rank, shape, zeros, count * item, &input, &error);
  if (status == BR_OK) {
    status = br_module_run(module, "forward", (const br_value* const*)&input, 1, &output, &error);
  }
  code = told(status, error);
  if (status != BR_OK && output != NULL) {
    fprintf(stderr, "error: a failed run left a result\n");
    code = 1;
  }
  br_value_free(output);
  br_value_free(input);
  free(zeros);
  return code;
}

int main(int argc, char** argv) {
  int64_t shape[MAX_RANK];
  size_t rank = 0;
  br_module* module = NULL;
  br_error* error = NULL;
  br_status status;
  int code;
  if (argc < 3 || argc > 3 + MAX_RANK) {
    fprintf(stderr, "usage: consume_refusals FOREIGN.ptl MODEL.ptl SIZE...\n");
    return 2;
  }
  for (rank = 0; rank < (size_t)argc - 3; ++rank) {
    shape[rank] = strtol(argv[rank + 3], NULL, 10);
  }
  status = br_module_load_file(argv[1], &module, &error);
  code = told(status, error);
  if (status == BR_OK || module != NULL) {
    fprintf(stderr, "error: the foreign model was loaded\n");
    return 1;
  }
  error = NULL;
  if (br_module_load_file(argv[2], &module, &error) != BR_OK) {
    fprintf(stderr, "error: %s\n", br_error_message(error));
    br_error_free(error);
    return 1;
  }
  code |= run(module, BR_FLOAT32, 4, rank, shape);
  code |= run(module, BR_FLOAT16, 2, rank, shape);
  code |= run(module, BR_FLOAT32, 4, rank, shape);
  br_module_free(module);
  return code;
}
