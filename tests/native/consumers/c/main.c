/* consume_c MODEL.ptl SIZE...: run a model on a float tensor of ones of the given shape; print the
 * shape of the result and its first five numbers. */
#include <build_runtime.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(br_error* error) {
  fprintf(stderr, "error: %s\n", br_error_message(error));
  br_error_free(error);
  return 1;
}

static int print_tensor(const br_value* value) {
  br_error* error = NULL;
  br_tensor tensor;
  float* numbers;
  size_t i;
  if (br_value_tensor(value, &tensor, &error) != BR_OK) {
    return fail(error);
  }
  if (tensor.dtype != BR_FLOAT32) {
    fprintf(stderr, "error: the result is not float32\n");
    return 1;
  }
  numbers = malloc(tensor.element_count * sizeof(float) + 1);
  if (numbers == NULL ||
      br_value_tensor_read(value, numbers, tensor.element_count * sizeof(float), &error) != BR_OK) {
    free(numbers);
    return fail(error);
  }
  printf("shape");
  for (i = 0; i < tensor.rank; ++i) {
    printf(" %ld", (long)tensor.shape[i]);
  }
  printf("\n");
  for (i = 0; i < tensor.element_count && i < 5; ++i) {
    printf("%s%.9g", i == 0 ? "" : " ", (double)numbers[i]);
  }
  printf("\n");
  free(numbers);
  return 0;
}

int main(int argc, char** argv) {
  enum { MAX_RANK = 8 };
  int64_t shape[MAX_RANK];
  size_t rank = 0;
  size_t count = 1;
  size_t i;
  float* ones;
  br_module* module = NULL;
  br_value* input = NULL;
  br_value* output = NULL;
  br_error* error = NULL;
  int code;
  if (argc < 2 || argc > 2 + MAX_RANK) {
    fprintf(stderr, "usage: consume_c MODEL.ptl SIZE...\n");
    return 2;
  }
  for (; rank + 2 < (size_t)argc; ++rank) {
    shape[rank] = strtol(argv[rank + 2], NULL, 10);
    count *= (size_t)shape[rank];
  }
  ones = malloc(count * sizeof(float) + 1);
  if (ones == NULL) {
    return 1;
  }
  for (i = 0; i < count; ++i) {
    ones[i] = 1.0F;
  }
  if (br_module_load_file(argv[1], &module, &error) != BR_OK ||
      br_value_tensor_borrow(BR_FLOAT32, rank, shape, NULL, ones, NULL, NULL, &input, &error) !=
          BR_OK ||
      br_module_run(module, "forward", (const br_value* const*)&input, 1, &output, &error) !=
          BR_OK) {
    code = fail(error);
  } else {
    code = print_tensor(output);
  }
  br_value_free(output);
  br_value_free(input);
  br_module_free(module);
  free(ones);
  return code;
}
