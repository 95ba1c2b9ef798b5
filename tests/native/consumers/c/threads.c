/* What build_runtime.h promises about threads and ownership, asked for by a program of a third
 * party.
 *
 *     threads MODEL share|own THREADS RUNS SHAPE...   the same answer from every thread
 *     threads MODEL reload COUNT SHAPE...             load, run and free; memory must not grow
 *
 * `share`: all threads run one module, taking turns under a lock, as one module allows one call at
 * a time. `own`: each thread loads its own, and they run at the same time.
 */
#include <build_runtime.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 64
#define MAX_RANK 8

static const char* model;
static int64_t shape[MAX_RANK];
static size_t rank;
static int runs;
static br_module* shared;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

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
    if (own == NULL) {
      pthread_mutex_lock(&turn);
    }
    answer(own == NULL ? shared : own, text, sizeof(text));
    if (own == NULL) {
      pthread_mutex_unlock(&turn);
    }
    if (run == 0) {
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
    if (strcmp(texts[i], texts[0]) != 0) {
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

static void reload(int count) {
  char text[256];
  int i;
  for (i = 1; i <= count; ++i) {
    br_module* module = load();
    answer(module, text, sizeof(text));
    br_module_free(module);
    if (i % (count / 10) == 0) {
      printf("%d loads: %ld KB\n", i, resident());
    }
  }
}

static int number(const char* text) {
  return (int)strtol(text, NULL, 10);
}

int main(int argc, char** argv) {
  int next = 3;
  int count;
  if (argc < 5) {
    fprintf(stderr,
            "usage: threads MODEL share|own THREADS RUNS SHAPE... | MODEL reload COUNT SHAPE...\n");
    return 2;
  }
  model = argv[1];
  count = number(argv[next++]);
  if (strcmp(argv[2], "reload") != 0) {
    runs = number(argv[next++]);
  }
  while (next < argc && rank < MAX_RANK) {
    shape[rank++] = number(argv[next++]);
  }
  if (strcmp(argv[2], "reload") == 0) {
    reload(count);
    return 0;
  }
  if (count > MAX_THREADS) {
    count = MAX_THREADS;
  }
  if (strcmp(argv[2], "share") == 0) {
    shared = load();
  }
  run_threads((size_t)count);
  br_module_free(shared);
  return 0;
}
