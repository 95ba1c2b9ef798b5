/* What a model is timed on: tensors of ones as described, or what is bundled with it. */
#ifndef BUILD_RUNTIME_SPEED_BENCHMARK_INPUTS_H
#define BUILD_RUNTIME_SPEED_BENCHMARK_INPUTS_H

#include "build_runtime.h"
#include "flags.h"

typedef struct inputs {
  br_value** items;
  size_t count;
} inputs;

void free_inputs(inputs* given);

/* Make what the options describe; nothing where they ask for none, or for bundled inputs. 0 after
 * a failure, which is told. */
int make_inputs(const flags* wanted, inputs* given);

/* Take the inputs of an index out of those bundled with a model; the same holds. */
int take_bundled_input(br_module* module, long index, inputs* given);

#endif
