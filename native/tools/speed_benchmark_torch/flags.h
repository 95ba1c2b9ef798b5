/* The options of speed_benchmark_torch, as PyTorch's own flags are written. */
#ifndef BUILD_RUNTIME_SPEED_BENCHMARK_FLAGS_H
#define BUILD_RUNTIME_SPEED_BENCHMARK_FLAGS_H

typedef struct flags {
  const char* model;
  const char* input_dims;
  const char* input_type;
  const char* input_memory_format; /* NULL: contiguous, whatever number of inputs there are */
  long use_bundled_input;          /* negative: none */
  long warmup;
  long iter;
  long pytext_len;
  int no_inputs;
  int use_caching_allocator;
  int print_output;
  int report_pep;
  int vulkan;
} flags;

extern const flags default_flags;

enum flags_status { FLAGS_OK, FLAGS_HELP, FLAGS_BAD };

/* Read `--name=value` or `--name value`; `--name` alone turns on what can be on or off. What is
 * wrong, or cannot be had here, is told. */
enum flags_status parse_flags(int argc, char** argv, flags* wanted);

#endif
