/* Values as people read them. */
#ifndef BUILD_RUNTIME_SPEED_BENCHMARK_PRINT_VALUE_H
#define BUILD_RUNTIME_SPEED_BENCHMARK_PRINT_VALUE_H

#include "build_runtime.h"

/* Print a value to stdout: containers in brackets, tensors by rows, with type and shape below. */
void print_value(const br_value* value);

#endif
