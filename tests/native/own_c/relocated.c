#include "relocated.h"

#define API __attribute__((visibility("default")))

void br_relocate(void);

static int one(void) {
  return 1;
}
static int two(void) {
  return 2;
}

// read-only once they are relocated, and more than a word of bits stands for
static int (*const functions[200])(void) = {[0 ... 99] = one, [100 ... 199] = two};
// writable all along
static int (*chosen[3])(void) = {two, one, two};

// where a test moves the dynamic section to
API unsigned char spare[1024] __attribute__((aligned(16))) = {1};

static int seen_by_constructor;

API int added(void) {
  int sum = 0;
  for (int i = 0; i < 200; ++i) {
    sum += functions[i]();
  }
  return sum + chosen[0]() + chosen[1]() + chosen[2]();
}

__attribute__((constructor)) static void construct(void) {
  seen_by_constructor = added();
}

API int constructed(void) {
  return seen_by_constructor;
}

API const void* sealed(void) {
  return functions;
}

API void relocate_again(void) {
  br_relocate();
}
