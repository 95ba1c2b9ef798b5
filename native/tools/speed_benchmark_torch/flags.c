#include "flags.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const flags default_flags = {
    .model = "",
    .input_dims = "",
    .input_type = "",
    .input_memory_format = NULL,
    .use_bundled_input = -1,
    .iter = 10,
};

/* Where the value of an option goes, by what it is; one of them is not NULL. */
struct flag {
  const char* name;
  const char** text;
  long* number;
  int* on;
  const char* help;
};

enum { KNOWN = 13 };

static void list_flags(flags* wanted, struct flag* known) {
  const struct flag all[KNOWN] = {
      {"input_dims", &wanted->input_dims, NULL, NULL,
       "the dimensions of each input, with commas between them; inputs are separated by ;"},
      {"input_memory_format", &wanted->input_memory_format, NULL, NULL,
       "contiguous_format (as without it) or channels_last, for each input"},
      {"input_type", &wanted->input_type, NULL, NULL, "float, uint8_t or int64, for each input"},
      {"iter", NULL, &wanted->iter, NULL, "runs that are timed (10)"},
      {"model", &wanted->model, NULL, NULL, "the .ptl to run"},
      {"no_inputs", NULL, NULL, &wanted->no_inputs,
       "the model takes no inputs; other options for inputs are ignored"},
      {"print_output", NULL, NULL, &wanted->print_output, "print what the model answers"},
      {"pytext_len", NULL, &wanted->pytext_len, NULL,
       "the length of a sequence, as an input after the others"},
      {"report_pep", NULL, NULL, &wanted->report_pep, "print the time of each run"},
      {"use_bundled_input", NULL, &wanted->use_bundled_input, NULL,
       "run on the bundled input of this index"},
      {"use_caching_allocator", NULL, NULL, &wanted->use_caching_allocator,
       "accepted for the sake of scripts: memory is allocated as apps have it"},
      {"vulkan", NULL, NULL, &wanted->vulkan, "refused: there are kernels for the CPU alone"},
      {"warmup", NULL, &wanted->warmup, NULL, "runs before those (0)"},
  };
  memcpy(known, all, sizeof(all));
}

static void print_help(const struct flag* known) {
  puts(
      "Run speed benchmark for pytorch model.\n"
      "Example usage:\n"
      "./speed_benchmark_torch --model=<model_file> --use_bundled_input=0 --warmup=5 --iter=20\n"
      "Arguments: ");
  for (int i = 0; i < KNOWN; ++i) {
    printf("    %s: %s\n", known[i].name, known[i].help);
  }
}

static const struct flag* find(const struct flag* known, const char* name, size_t size) {
  for (int i = 0; i < KNOWN; ++i) {
    if (strncmp(known[i].name, name, size) == 0 && known[i].name[size] == '\0') {
      return &known[i];
    }
  }
  return NULL;
}

static int read_switch(const char* text, int* on) {
  static const char* const words[] = {"false", "False", "FALSE", "0", "true", "True", "TRUE", "1"};
  enum { WORDS = sizeof(words) / sizeof(words[0]) };
  for (int i = 0; i < WORDS; ++i) {
    if (strcmp(text, words[i]) == 0) {
      *on = i >= WORDS / 2;
      return 1;
    }
  }
  return 0;
}

static int read_number(const char* text, long* number) {
  char* end = NULL;
  errno = 0;
  *number = strtol(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *number >= INT_MIN && *number <= INT_MAX;
}

static int set(const struct flag* flag, const char* value) {
  if (flag->text != NULL) {
    *flag->text = value;
    return 1;
  }
  return flag->number != NULL ? read_number(value, flag->number) : read_switch(value, flag->on);
}

/* The value of the option at `*at`: what follows its `=`, else the next argument. */
static const char* value_of(const struct flag* flag, int argc, char** argv, int* at) {
  const char* equals = strchr(argv[*at], '=');
  const char* next = *at + 1 < argc ? argv[*at + 1] : NULL;
  int ignored = 0;
  if (equals != NULL) {
    return equals + 1;
  }
  if (flag->on != NULL && (next == NULL || !read_switch(next, &ignored))) {
    return "true";
  }
  *at += next != NULL;
  return next;
}

static int parse_one(int argc, char** argv, int* at, const struct flag* known) {
  const char* argument = argv[*at];
  const struct flag* flag = find(known, argument + 2, strcspn(argument + 2, "="));
  const char* value = NULL;
  if (flag == NULL) {
    fprintf(stderr, "C10 flag: unrecognized commandline argument: %s\n", argument);
    return 0;
  }
  value = value_of(flag, argc, argv, at);
  if (value == NULL) {
    fprintf(stderr,
            "C10 flag: reached the last commandline argument, but I am expecting a value for %s\n",
            argument);
    return 0;
  }
  if (!set(flag, value)) {
    fprintf(stderr, "C10 flag: illegal argument: %s\n", argument);
    return 0;
  }
  return 1;
}

/* What can be asked for and not be had. */
static int possible(const flags* wanted) {
  if (wanted->vulkan) {
    fputs("error: --vulkan: this runtime has kernels for the CPU alone; leave it out\n", stderr);
  } else if (wanted->model[0] == '\0') {
    fputs("error: --model: a .ptl must be given\n", stderr);
  } else if (wanted->warmup < 0) {
    fprintf(stderr, "Number of warm up runs should be non negative, provided %ld.\n",
            wanted->warmup);
  } else if (wanted->iter < 0) {
    fprintf(stderr, "Number of main runs should be non negative, provided %ld.\n", wanted->iter);
  } else {
    return 1;
  }
  return 0;
}

enum flags_status parse_flags(int argc, char** argv, flags* wanted) {
  struct flag known[KNOWN];
  list_flags(wanted, known);
  for (int at = 1; at < argc; ++at) {
    if (strncmp(argv[at], "--help", strlen("--help")) == 0) {
      print_help(known);
      return FLAGS_HELP;
    }
    if (strncmp(argv[at], "--", 2) != 0) {
      fprintf(stderr,
              "C10 flag: commandline argument does not match --name=var or --name format: %s."
              " Ignoring this argument.\n",
              argv[at]);
    } else if (!parse_one(argc, argv, &at, known)) {
      return FLAGS_BAD;
    }
  }
  return possible(wanted) ? FLAGS_OK : FLAGS_BAD;
}
