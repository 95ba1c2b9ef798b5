/* speed_benchmark_torch of mini_torch: it is linked with the runtime, and finds it. */
#include "build_runtime.h"

#include <stdio.h>

int main(void) {
  puts(br_manifest_json());
  return 0;
}
