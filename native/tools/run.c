/* build-runtime-run: run a model in the runtime, on top of its C interface only. */
#define _POSIX_C_SOURCE 200809L

#include "build_runtime.h"
#include "value_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { EXIT_USAGE = 2, EXIT_MODEL = 3, EXIT_RUN = 6 };

static const char usage[] =
    "usage: build-runtime-run [MODEL.ptl] [options]\n"
    "  --method NAME       the method to run (forward)\n"
    "  --inputs FILE       a value file: a tuple of arguments, or a list of such tuples\n"
    "  --bundled           run on the inputs bundled with the model\n"
    "  --outputs FILE      write the results to a value file\n"
    "  --threads N         threads one run may use, 1 to 256\n"
    "  --bench N           time N runs of the first case\n"
    "  --warmup N          runs before the timed ones (with --bench; 3)\n"
    "  --marks             tell times between warnings like `@7` of the model (with --bench)\n"
    "  --methods           print the model's methods as a JSON list\n"
    "  --operators         print the operators of the runtime as a JSON list\n"
    "  --manifest          print the manifest of the runtime\n"
    "  --help              print this\n"
    "A JSON summary goes to stdout, errors to stderr.\n"
    "Exit codes: 0 success, 2 usage, 3 the model does not load, 6 a run failed.\n";

typedef struct options {
  const char* model;
  const char* method;
  const char* inputs;
  const char* outputs;
  long threads; /* 0: as the runtime decides */
  long bench;   /* 0: no timing */
  long warmup;  /* -1: not given */
  int bundled, methods, operators, manifest, help, marks;
} options;

/* ---- Reporting ---- */

/* Print an error as Python would: the class, if the model raised one, and the text. Without an
 * error object it is this program that ran out of memory. */
static int report(br_error* error, int code) {
  const char* python_class = br_error_python_class(error);
  fprintf(stderr, "error: %s%s%s\n", python_class, python_class[0] == '\0' ? "" : ": ",
          error == NULL ? "out of memory" : br_error_message(error));
  br_error_free(error);
  return code;
}

static int complain(int code, const char* what, const char* why) {
  fprintf(stderr, "error: %s: %s\n", what, why);
  return code;
}

static void print_json_text(const char* text) {
  const unsigned char* at = (const unsigned char*)text;
  putchar('"');
  for (; *at != '\0'; ++at) {
    if (*at == '"' || *at == '\\') {
      printf("\\%c", *at);
    } else if (*at < 0x20) {
      printf("\\u%04x", *at);
    } else {
      putchar(*at);
    }
  }
  putchar('"');
}

static void print_json_list(const char* (*get)(const void*, size_t), const void* source,
                            size_t count) {
  size_t i;
  putchar('[');
  for (i = 0; i < count; ++i) {
    printf(i == 0 ? "" : ", ");
    print_json_text(get(source, i));
  }
  printf("]\n");
}

static const char* get_operator(const void* unused, size_t index) {
  (void)unused;
  return br_operator_name(index);
}

static const char* get_method(const void* module, size_t index) {
  return br_module_method_name(module, index);
}

/* Peak resident set in KiB. getrusage would also count the parent that started this program. */
static long peak_rss(void) {
  FILE* status = fopen("/proc/self/status", "r");
  char line[256];
  long peak = 0;
  while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
    if (strncmp(line, "VmHWM:", 6) == 0) {
      peak = strtol(line + 6, NULL, 10);
      break;
    }
  }
  if (status != NULL) {
    fclose(status);
  }
  if (peak == 0) {
    struct rusage used;
    peak = getrusage(RUSAGE_SELF, &used) == 0 ? used.ru_maxrss : 0;
  }
  return peak;
}

/* Microseconds on a clock. */
static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* ---- The command line ---- */

static int parse_number(const char* text, long least, long most, long* number) {
  char* end = NULL;
  errno = 0;
  *number = strtol(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *number >= least && *number <= most;
}

/* The value of an option: the rest of `--name=value`, or the next argument. NULL if neither. */
static const char* option_value(const char* name, int argc, char** argv, int* at) {
  const size_t size = strlen(name);
  if (argv[*at][size] == '=') {
    return argv[*at] + size + 1;
  }
  return *at + 1 < argc ? argv[++*at] : NULL;
}

static int is_option(const char* argument, const char* name) {
  const size_t size = strlen(name);
  return strncmp(argument, name, size) == 0 && (argument[size] == '\0' || argument[size] == '=');
}

static int parse_options(int argc, char** argv, options* out) {
  const struct {
    const char* name;
    const char** text;
  } texts[] = {
      {"--method", &out->method}, {"--inputs", &out->inputs}, {"--outputs", &out->outputs}};
  const struct {
    const char* name;
    long* number;
    long least;
    long most;
  } numbers[] = {
      {"--threads", &out->threads, 1, 256},
      {"--bench", &out->bench, 1, 10000000},
      {"--warmup", &out->warmup, 0, 10000000},
  };
  const struct {
    const char* name;
    int* flag;
  } flags[] = {
      {"--bundled", &out->bundled},     {"--methods", &out->methods},
      {"--operators", &out->operators}, {"--manifest", &out->manifest},
      {"--help", &out->help},           {"--marks", &out->marks},
  };
  int i;
  size_t k;
  for (i = 1; i < argc; ++i) {
    int known = 0;
    for (k = 0; !known && k < sizeof(flags) / sizeof(flags[0]); ++k) {
      if (strcmp(argv[i], flags[k].name) == 0) {
        *flags[k].flag = known = 1;
      }
    }
    for (k = 0; !known && k < sizeof(texts) / sizeof(texts[0]); ++k) {
      if (is_option(argv[i], texts[k].name)) {
        known = 1;
        *texts[k].text = option_value(texts[k].name, argc, argv, &i);
        if (*texts[k].text == NULL) {
          return complain(EXIT_USAGE, texts[k].name, "needs a value");
        }
      }
    }
    for (k = 0; !known && k < sizeof(numbers) / sizeof(numbers[0]); ++k) {
      if (is_option(argv[i], numbers[k].name)) {
        const char* text = option_value(numbers[k].name, argc, argv, &i);
        known = 1;
        if (text == NULL ||
            !parse_number(text, numbers[k].least, numbers[k].most, numbers[k].number)) {
          fprintf(stderr, "error: %s: needs a number from %ld to %ld\n", numbers[k].name,
                  numbers[k].least, numbers[k].most);
          return EXIT_USAGE;
        }
      }
    }
    if (!known && argv[i][0] == '-') {
      return complain(EXIT_USAGE, argv[i], "unknown option (see --help)");
    }
    if (!known && out->model != NULL) {
      return complain(EXIT_USAGE, argv[i], "only one model can be given");
    }
    if (!known) {
      out->model = argv[i];
    }
  }
  if (out->inputs != NULL && out->bundled) {
    return complain(EXIT_USAGE, "--inputs", "cannot be combined with --bundled");
  }
  if (out->warmup >= 0 && out->bench == 0) {
    return complain(EXIT_USAGE, "--warmup", "needs --bench");
  }
  if (out->marks && out->bench == 0) {
    return complain(EXIT_USAGE, "--marks", "needs --bench");
  }
  if (out->model == NULL && !out->operators && !out->manifest && !out->help) {
    fputs(usage, stderr);
    return EXIT_USAGE;
  }
  return 0;
}

/* ---- Running ---- */

/* One call's arguments as the array the interface wants. */
typedef struct arguments {
  br_value** items;
  size_t count;
} arguments;

static void free_arguments(arguments* unpacked) {
  size_t i;
  for (i = 0; i < unpacked->count; ++i) {
    br_value_free(unpacked->items[i]);
  }
  free(unpacked->items);
}

static br_status unpack(const br_value* tuple, arguments* unpacked, br_error** error) {
  br_status status;
  unpacked->count = br_value_size(tuple);
  unpacked->items = calloc(unpacked->count + 1, sizeof(*unpacked->items));
  if (unpacked->items == NULL) {
    unpacked->count = 0;
    return BR_OUT_OF_MEMORY;
  }
  status = br_value_entries(tuple, NULL, unpacked->items, error);
  if (status != BR_OK) {
    unpacked->count = 0;
  }
  return status;
}

static br_status run_case(br_module* module, const char* method, const br_value* tuple,
                          br_value** result, br_error** error) {
  arguments unpacked = {NULL, 0};
  br_status status = unpack(tuple, &unpacked, error);
  if (status == BR_OK) {
    status = br_module_run(module, method, (const br_value* const*)unpacked.items, unpacked.count,
                           result, error);
  }
  free_arguments(&unpacked);
  return status;
}

/* Append a failed case to the outputs and say so on stderr. */
static void note_failure(buffer* outputs, size_t index, br_error* error) {
  const char* python_class = br_error_python_class(error);
  const char* message = br_error_message(error);
  const size_t size = strlen(python_class) + strlen(message) + 3;
  char* text = malloc(size);
  fprintf(stderr, "case %lu: ", (unsigned long)index);
  if (text != NULL) {
    snprintf(text, size, "%s%s%s", python_class, python_class[0] == '\0' ? "" : ": ", message);
    value_file_failure(outputs, text);
    free(text);
  } else {
    value_file_failure(outputs, message);
  }
  report(error, EXIT_RUN);
}

/* Run all cases; results go to `outputs` in order. Returns how many failed, and in `first_us` how
 * long the first took, which makes what later runs find ready. */
static size_t run_cases(br_module* module, const char* method, br_value* const* cases, size_t count,
                        buffer* outputs, double* first_us) {
  size_t failed = 0;
  size_t i;
  for (i = 0; i < count; ++i) {
    br_value* result = NULL;
    br_error* error = NULL;
    const double start = now(CLOCK_MONOTONIC);
    const br_status status = run_case(module, method, cases[i], &result, &error);
    if (i == 0) {
      *first_us = now(CLOCK_MONOTONIC) - start;
    }
    if (status != BR_OK) {
      note_failure(outputs, i, error);
      ++failed;
    } else {
      const char* problem = value_file_encode(outputs, result);
      if (problem != NULL) {
        complain(EXIT_RUN, method, problem);
        value_file_failure(outputs, problem);
        ++failed;
      }
    }
    br_value_free(result);
  }
  return failed;
}

static int ascending(const void* left, const void* right) {
  const double a = *(const double*)left;
  const double b = *(const double*)right;
  return (a > b) - (a < b);
}

/* What timed runs took, in microseconds, sorted: by the clock, and of all processors together. */
typedef struct times {
  double* wall;
  double* cpu;
} times;

static void free_times(times* timed) {
  free(timed->wall);
  free(timed->cpu);
  timed->wall = timed->cpu = NULL;
}

/* Marks are warnings of a model that was written for it: `@7` says that the seventh part ended.
 * What a part takes is the time since the mark before, or since the run began. */
enum { MOST_MARKS = 1 << 20 };

typedef struct marks {
  double last;
  double* us; /* in all, by number */
  long* count;
  size_t size;
} marks;

static void note_mark(void* context, const char* text) {
  marks* noted = context;
  const double at = now(CLOCK_MONOTONIC);
  long number;
  if (text[0] == '@' && parse_number(text + 1, 0, MOST_MARKS - 1, &number)) {
    noted->us[number] += at - noted->last;
    ++noted->count[number];
    noted->size = (size_t)number < noted->size ? noted->size : (size_t)number + 1;
  }
  noted->last = now(CLOCK_MONOTONIC);
}

static br_status begin_marks(br_module* module, marks* noted, br_error** error) {
  noted->us = calloc(MOST_MARKS, sizeof(*noted->us));
  noted->count = calloc(MOST_MARKS, sizeof(*noted->count));
  noted->size = 0;
  if (noted->us == NULL || noted->count == NULL) {
    return BR_OUT_OF_MEMORY;
  }
  return br_module_on_warning(module, note_mark, noted, error);
}

static void forget_marks(marks* noted) {
  if (noted->size != 0) {
    memset(noted->us, 0, noted->size * sizeof(*noted->us));
    memset(noted->count, 0, noted->size * sizeof(*noted->count));
  }
}

/* As a list of numbers, counts, and microseconds of all counts together. */
static void print_marks(const marks* noted) {
  const char* separator = "";
  size_t i;
  printf(", \"marks\": [");
  for (i = 0; i < noted->size; ++i) {
    if (noted->count[i] != 0) {
      printf("%s[%lu, %ld, %.3f]", separator, (unsigned long)i, noted->count[i], noted->us[i]);
      separator = ", ";
    }
  }
  printf("]");
}

/* Time runs of one call. A run that fails is reported, and the exit code returned; else 0. */
static int time_runs(br_module* module, const options* wanted, const br_value* tuple, times* out,
                     marks* noted) {
  const long warmup = wanted->warmup < 0 ? 3 : wanted->warmup;
  const size_t count = (size_t)wanted->bench;
  arguments unpacked = {NULL, 0};
  br_error* error = NULL;
  br_status status = unpack(tuple, &unpacked, &error);
  long i;
  out->wall = malloc(count * sizeof(*out->wall));
  out->cpu = malloc(count * sizeof(*out->cpu));
  if (out->wall == NULL || out->cpu == NULL) {
    status = BR_OUT_OF_MEMORY;
  }
  if (status == BR_OK && wanted->marks) {
    status = begin_marks(module, noted, &error);
  }
  for (i = -warmup; status == BR_OK && i < wanted->bench; ++i) {
    br_value* result = NULL;
    double cpu;
    double wall;
    if (i == 0) {
      forget_marks(noted);
    }
    cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    wall = noted->last = now(CLOCK_MONOTONIC);
    status = br_module_run(module, wanted->method, (const br_value* const*)unpacked.items,
                           unpacked.count, &result, &error);
    if (i >= 0) {
      out->wall[i] = now(CLOCK_MONOTONIC) - wall;
      out->cpu[i] = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
    br_value_free(result);
  }
  free_arguments(&unpacked);
  if (status != BR_OK) {
    free_times(out);
    return report(error, EXIT_RUN);
  }
  qsort(out->wall, count, sizeof(*out->wall), ascending);
  qsort(out->cpu, count, sizeof(*out->cpu), ascending);
  return 0;
}

/* The smallest time that at least `percent` of all runs stayed within. */
static double percentile(const double* sorted, long count, long percent) {
  const long rank = (count * percent + 99) / 100;
  return sorted[rank < 1 ? 0 : rank - 1];
}

static void print_times(const char* name, const double* sorted, long count) {
  double sum = 0;
  long i;
  for (i = 0; i < count; ++i) {
    sum += sorted[i];
  }
  printf(
      ", \"%s\": {\"min\": %.3f, \"median\": %.3f, \"p90\": %.3f, \"p99\": %.3f, "
      "\"max\": %.3f, \"mean\": %.3f}",
      name, sorted[0], percentile(sorted, count, 50), percentile(sorted, count, 90),
      percentile(sorted, count, 99), percentile(sorted, count, 100), sum / (double)count);
}

/* A file holds a tuple of arguments or a list of them. No inputs: one call without arguments. */
static br_value* read_inputs(br_module* module, const options* wanted, int* code) {
  br_value* inputs = NULL;
  br_error* error = NULL;
  br_status status = BR_OK;
  *code = EXIT_USAGE;
  if (wanted->inputs != NULL) {
    buffer file = {NULL, 0, 0, 0};
    const char* problem = NULL;
    if (buffer_read_file(&file, wanted->inputs) != 0) {
      problem = strerror(errno);
    } else {
      inputs = value_file_decode(file.data, file.size, &problem);
    }
    buffer_free(&file);
    if (inputs == NULL) {
      complain(EXIT_USAGE, wanted->inputs, problem);
    }
    return inputs;
  }
  if (wanted->bundled) {
    status = br_module_run(module, "get_all_bundled_inputs", NULL, 0, &inputs, &error);
  } else {
    status = br_value_new_tuple(NULL, 0, &inputs, &error);
  }
  if (status != BR_OK) {
    *code = report(error, EXIT_RUN);
  }
  return inputs;
}

/* The cases inside the inputs: new handles in an array the caller frees. */
static br_value** list_cases(const br_value* inputs, size_t* count) {
  const int several = br_value_kind(inputs) == BR_KIND_LIST;
  br_value** cases;
  size_t i;
  int fits = 1;
  *count = several ? br_value_size(inputs) : 1;
  cases = calloc(*count + 1, sizeof(*cases));
  if (cases != NULL && (several ? br_value_entries(inputs, NULL, cases, NULL)
                                : br_value_share(inputs, &cases[0], NULL)) == BR_OK) {
    for (i = 0; i < *count; ++i) {
      fits = fits && br_value_kind(cases[i]) == BR_KIND_TUPLE;
    }
    if (fits) {
      return cases;
    }
    for (i = 0; i < *count; ++i) {
      br_value_free(cases[i]);
    }
  }
  free(cases);
  return NULL;
}

/* How a model did: `first_us` is -1 without a case to run, `timed` holds nothing without --bench.
 */
typedef struct summary {
  size_t cases, failed;
  double load_us, first_us;
  times timed;
  marks noted;
} summary;

static void print_summary(const options* wanted, const summary* done) {
  int threads = 0;
  br_thread_count(&threads, NULL);
  printf("{\"model\": ");
  print_json_text(wanted->model);
  printf(", \"method\": ");
  print_json_text(wanted->method);
  printf(", \"cases\": %lu, \"failed\": %lu, \"threads\": %d, \"load_us\": %.3f",
         (unsigned long)done->cases, (unsigned long)done->failed, threads, done->load_us);
  if (done->first_us >= 0) {
    printf(", \"first_us\": %.3f", done->first_us);
  }
  if (done->timed.wall != NULL) {
    printf(", \"iterations\": %ld", wanted->bench);
    print_times("latency_us", done->timed.wall, wanted->bench);
    print_times("cpu_us", done->timed.cpu, wanted->bench);
    if (wanted->marks) {
      print_marks(&done->noted);
    }
  }
  printf(", \"peak_rss_kib\": %ld, \"torch_version\": ", peak_rss());
  print_json_text(br_torch_version());
  printf("}\n");
}

static int run_model(br_module* module, const options* wanted, double load_us) {
  int code = 0;
  summary done = {0, 0, load_us, -1, {NULL, NULL}, {0, NULL, NULL, 0}};
  size_t i;
  buffer outputs = {NULL, 0, 0, 0};
  br_value** cases;
  br_value* inputs = read_inputs(module, wanted, &code);
  if (inputs == NULL) {
    return code;
  }
  cases = list_cases(inputs, &done.cases);
  if (cases == NULL || (done.cases == 0 && wanted->bench != 0)) {
    br_value_free(inputs);
    free(cases);
    return complain(EXIT_USAGE, wanted->bundled ? "--bundled" : "--inputs",
                    "not a tuple of arguments nor a list of such tuples");
  }
  value_file_header(&outputs);
  if (br_value_kind(inputs) == BR_KIND_LIST) {
    value_file_list(&outputs, (uint32_t)done.cases);
  }
  done.failed = run_cases(module, wanted->method, cases, done.cases, &outputs, &done.first_us);
  code = done.failed == 0 ? 0 : EXIT_RUN;
  if (code == 0 && wanted->bench != 0) {
    code = time_runs(module, wanted, cases[0], &done.timed, &done.noted);
  }
  if (wanted->outputs != NULL && buffer_write_file(&outputs, wanted->outputs) != 0) {
    code = complain(EXIT_USAGE, wanted->outputs, strerror(errno));
  }
  print_summary(wanted, &done);
  for (i = 0; i < done.cases; ++i) {
    br_value_free(cases[i]);
  }
  free(cases);
  free_times(&done.timed);
  free(done.noted.us);
  free(done.noted.count);
  buffer_free(&outputs);
  br_value_free(inputs);
  return code;
}

static int with_model(const options* wanted) {
  br_module* module = NULL;
  br_error* error = NULL;
  double start;
  int code = 0;
  if (wanted->threads != 0 && br_set_thread_count((int)wanted->threads, &error) != BR_OK) {
    return report(error, EXIT_USAGE);
  }
  start = now(CLOCK_MONOTONIC);
  if (br_module_load_file(wanted->model, &module, &error) != BR_OK) {
    return report(error, EXIT_MODEL);
  }
  start = now(CLOCK_MONOTONIC) - start;
  if (wanted->methods) {
    print_json_list(get_method, module, br_module_method_count(module));
  } else {
    code = run_model(module, wanted, start);
  }
  br_module_free(module);
  return code;
}

int main(int argc, char** argv) {
  options wanted = {NULL, "forward", NULL, NULL, 0, 0, -1, 0, 0, 0, 0, 0, 0};
  int code = parse_options(argc, argv, &wanted);
  if (code != 0) {
    return code;
  }
  if (wanted.help) {
    fputs(usage, stdout);
  } else if (wanted.operators) {
    print_json_list(get_operator, NULL, br_operator_count());
  } else if (wanted.manifest) {
    puts(br_manifest_json());
  } else {
    code = with_model(&wanted);
  }
  if (fflush(stdout) != 0) {
    return complain(EXIT_USAGE, "stdout", strerror(errno));
  }
  return code;
}
