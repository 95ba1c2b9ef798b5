/* speed_benchmark_torch: time a model as PyTorch Mobile's performance recipe does.
 *
 * The options, the inputs of ones and the lines on stdout are those of PyTorch's
 * binaries/speed_benchmark_torch.cc, so that scripts which call it and read its lines go on. It
 * sits on top of the C interface alone. Every failure is exit code 1, as there. */
#define _POSIX_C_SOURCE 200809L

#include "build_runtime.h"
#include "flags.h"
#include "inputs.h"
#include "print_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Tell an error of the runtime, and free it; without one it is memory that ran out. */
static int report(br_error* error) {
  fprintf(stderr, "error: %s\n", error == NULL ? "out of memory" : br_error_message(error));
  br_error_free(error);
  return 0;
}

/* Nanoseconds. */
static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* ---- The model ---- */

/* What the recipe's command names is the `.pt` that was exported: phones cannot run that. */
static br_module* load(const char* path) {
  br_module* module = NULL;
  br_error* error = NULL;
  int unconverted;
  br_status status = br_module_load_file(path, &module, &error);
  if (status == BR_OK) {
    return module;
  }
  unconverted = status == BR_BAD_MODEL && error != NULL &&
                strstr(br_error_message(error), "it has no bytecode") != NULL;
  report(error);
  if (unconverted) {
    fprintf(stderr,
            "  fix: convert it where it was exported, `build-runtime %s --abi ABI`,"
            " and use the .ptl that lies beside the runtime\n",
            path);
  }
  return NULL;
}

static int run(br_module* module, const inputs* given, br_value** result) {
  br_error* error = NULL;
  br_status status = br_module_run(module, "forward", (const br_value* const*)given->items,
                                   given->count, result, &error);
  return status == BR_OK || report(error);
}

static int run_often(br_module* module, const inputs* given, long count) {
  for (long i = 0; i < count; ++i) {
    br_value* result = NULL;
    if (!run(module, given, &result)) {
      return 0;
    }
    br_value_free(result);
  }
  return 1;
}

/* ---- Times ---- */

/* Run and time; `times` are microseconds, each without a fraction. Returns all of them together,
 * or a negative number after a failure. */
static double time_runs(br_module* module, const inputs* given, int64_t* times, long count) {
  const int64_t begin = now();
  for (long i = 0; i < count; ++i) {
    br_value* result = NULL;
    const int64_t start = now();
    if (!run(module, given, &result)) {
      return -1;
    }
    br_value_free(result);
    times[i] = (now() - start) / 1000;
  }
  return (double)(now() - begin) / 1e3;
}

static int benchmark(br_module* module, const inputs* given, const flags* wanted) {
  int64_t* times = NULL;
  double micros;
  puts("Starting benchmark.");
  puts("Running warmup runs.");
  if (!run_often(module, given, wanted->warmup)) {
    return 0;
  }
  puts("Main runs.");
  times = calloc((size_t)wanted->iter + 1, sizeof(*times));
  if (times == NULL) {
    return report(NULL);
  }
  micros = time_runs(module, given, times, wanted->iter);
  for (long i = 0; micros >= 0 && wanted->report_pep && i < wanted->iter; ++i) {
    printf(
        "PyTorchObserver {\"type\": \"NET\", \"unit\": \"us\", \"metric\": \"latency\", "
        "\"value\": \"%g\"}\n",
        (double)times[i]);
  }
  free(times);
  if (micros < 0) {
    return 0;
  }
  printf("Main run finished. Microseconds per iter: %g. Iters per second: %g\n",
         micros / (double)wanted->iter, 1e6 * (double)wanted->iter / micros);
  return 1;
}

static int with_inputs(br_module* module, const inputs* given, const flags* wanted) {
  if (wanted->print_output) {
    br_value* result = NULL;
    if (!run(module, given, &result)) {
      return 0;
    }
    print_value(result);
    putchar('\n');
    br_value_free(result);
  }
  return benchmark(module, given, wanted);
}

static int with_flags(const flags* wanted) {
  inputs given = {NULL, 0};
  br_module* module = NULL;
  int done = 0;
  if (make_inputs(wanted, &given)) {
    module = load(wanted->model);
    done = module != NULL &&
           (wanted->use_bundled_input < 0 ||
            take_bundled_input(module, wanted->use_bundled_input, &given)) &&
           with_inputs(module, &given, wanted);
  }
  free_inputs(&given);
  br_module_free(module);
  return done;
}

int main(int argc, char** argv) {
  flags wanted = default_flags;
  /* what was begun is told in a pipe, too, if the model crashes */
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  switch (parse_flags(argc, argv, &wanted)) {
    case FLAGS_HELP:
      return 0;
    case FLAGS_BAD:
      fputs("Failed to parse command line flags!\n", stderr);
      return 1;
    default:
      break;
  }
  if (!with_flags(&wanted)) {
    return 1;
  }
  if (fflush(stdout) != 0) {
    perror("error: stdout");
    return 1;
  }
  return 0;
}
