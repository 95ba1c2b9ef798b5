/* What build_runtime.h promises about threads and ownership, asked for by a program of a third
 * party.
 *
 *     threads MODEL share|own|tally THREADS RUNS SHAPE...
 *     threads MODEL reload|rerun COUNT SHAPE...
 *     threads MODEL idle THREADS SHAPE...
 *
 * `share`: all threads run one module. `own`: each loads its own. `tally`: all run one that counts
 * its runs, and none may be lost; answers are not compared, as each is another. `reload` loads,
 * runs and frees, `rerun` runs one module: memory must not grow. `idle` tells what threads cost
 * that have nothing to do.
 */
#include <build_runtime.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_THREADS 64
#define MAX_RANK 8

static const char* model;
static int64_t shape[MAX_RANK];
static size_t rank;
static int runs;
static br_module* shared;
static int tallies;

static void stop(const char* what, br_error* error) {
  fprintf(stderr, "error: %s: %s\n", what, br_error_message(error));
  exit(1);
}

static br_module* load(void) {
  br_module* module = NULL;
  br_error* error = NULL;
  if (br_module_load_file(model, &module, &error)) {
    stop("load", error);
  }
  return module;
}

/* The first elements of the answer to an input of ones, as text. */
static void answer(br_module* module, char* text, size_t size) {
  br_error* error = NULL;
  br_value* input = NULL;
  br_value* output = NULL;
  br_tensor view;
  size_t count = 1;
  size_t i;
  size_t used = 0;
  float* ones;
  for (i = 0; i < rank; ++i) {
    count *= (size_t)shape[i];
  }
  ones = malloc(count * sizeof(float));
  for (i = 0; i < count; ++i) {
    ones[i] = 1;
  }
  if (br_value_tensor_copy(BR_FLOAT32, rank, shape, ones, count * sizeof(float), &input, &error) ||
      br_module_run(module, "forward", (const br_value* const*)&input, 1, &output, &error) ||
      br_value_tensor(output, &view, &error)) {
    stop("run", error);
  }
  for (i = 0; i < view.element_count && i < 5; ++i) {
    used += (size_t)snprintf(text + used, size - used, "%a ", ((const float*)view.data)[i]);
  }
  br_value_free(output);
  br_value_free(input);
  free(ones);
}

static void* work(void* context) {
  br_module* own = shared == NULL ? load() : NULL;
  char* first = context;
  char text[256] = "";
  int run;
  for (run = 0; run < runs; ++run) {
    answer(own == NULL ? shared : own, text, sizeof(text));
    if (run == 0 || tallies) {
      memcpy(first, text, sizeof(text));
    } else if (strcmp(first, text) != 0) {
      fprintf(stderr, "error: run %d answers %s, not %s\n", run, text, first);
      exit(1);
    }
  }
  br_module_free(own);
  return NULL;
}

static void run_threads(size_t count) {
  static char texts[MAX_THREADS][256];
  pthread_t threads[MAX_THREADS];
  size_t i;
  for (i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, work, texts[i]) != 0) {
      fprintf(stderr, "error: no thread %lu\n", (unsigned long)i);
      exit(1);
    }
  }
  for (i = 0; i < count; ++i) {
    pthread_join(threads[i], NULL);
    if (!tallies && strcmp(texts[i], texts[0]) != 0) {
      fprintf(stderr, "error: thread %lu answers %s, not %s\n", (unsigned long)i, texts[i],
              texts[0]);
      exit(1);
    }
  }
  printf("%lu threads: %s\n", (unsigned long)count, texts[0]);
}

/* Memory of this process that is resident, in KB; pages may have been swapped out or given back. */
static long resident(void) {
  char line[256];
  long kilobytes = -1;
  FILE* status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
    if (strncmp(line, "VmRSS:", 6) == 0) {
      kilobytes = strtol(line + 6, NULL, 10);
    }
  }
  if (status != NULL) {
    fclose(status);
  }
  return kilobytes;
}

/* Run a module COUNT times, a new one each time if it is none, and tell the memory ten times. */
static void repeat(br_module* kept, int count) {
  char text[256];
  int i;
  for (i = 1; i <= count; ++i) {
    br_module* module = kept == NULL ? load() : kept;
    answer(module, text, sizeof(text));
    if (kept == NULL) {
      br_module_free(module);
    }
    if (i % (count / 10) == 0) {
      printf("%d: %ld KB\n", i, resident());
    }
  }
}

/* Milliseconds of processor time that this process used. */
static double used(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* A pool of threads has worked, and has had time to fall asleep: what does it use in a second? */
static void idle(int threads) {
  const struct timespec asleep = {1, 0};
  char text[256];
  br_module* module = load();
  br_error* error = NULL;
  double before;
  if (br_set_thread_count(threads, &error)) {
    stop("threads", error);
  }
  answer(module, text, sizeof(text));
  nanosleep(&asleep, NULL);
  before = used();
  nanosleep(&asleep, NULL);
  printf("%d threads: %.3f ms\n", threads, used() - before);
  br_module_free(module);
}

static int number(const char* text) {
  return (int)strtol(text, NULL, 10);
}

int main(int argc, char** argv) {
  int next = 3;
  int count;
  const char* what;
  if (argc < 5) {
    fprintf(stderr,
            "usage: threads MODEL share|own|tally THREADS RUNS SHAPE...\n"
            "       threads MODEL reload|rerun|idle COUNT SHAPE...\n");
    return 2;
  }
  model = argv[1];
  what = argv[2];
  count = number(argv[next++]);
  if (strcmp(what, "share") == 0 || strcmp(what, "own") == 0 || strcmp(what, "tally") == 0) {
    runs = number(argv[next++]);
  }
  while (next < argc && rank < MAX_RANK) {
    shape[rank++] = number(argv[next++]);
  }
  if (strcmp(what, "reload") == 0) {
    repeat(NULL, count);
    return 0;
  }
  if (strcmp(what, "rerun") == 0) {
    shared = load();
    repeat(shared, count);
    br_module_free(shared);
    return 0;
  }
  if (strcmp(what, "idle") == 0) {
    idle(count);
    return 0;
  }
  if (count > MAX_THREADS) {
    count = MAX_THREADS;
  }
  tallies = strcmp(what, "tally") == 0;
  if (tallies || strcmp(what, "share") == 0) {
    shared = load();
  }
  run_threads((size_t)count);
  if (tallies) {
    char text[256];
    answer(shared, text, sizeof(text));
    printf("tally: %s\n", text);
  }
  br_module_free(shared);
  return 0;
}
