// Print how many cores of a processor are big: `print_big_cores [CORES:HERTZ:LITTLE]...`
#include "api/big_cores.h"

#include <cstdio>
#include <vector>

int main(int argc, char** argv) {
  std::vector<build_runtime::CoreCluster> clusters;
  for (int i = 1; i < argc; ++i) {
    unsigned cores = 0;
    unsigned long long hertz = 0;
    int little = 0;
    if (std::sscanf(argv[i], "%u:%llu:%d", &cores, &hertz, &little) != 3) {
      return 2;
    }
    clusters.push_back({cores, hertz, little != 0});
  }
  std::printf("%u\n", build_runtime::big_cores(clusters.data(), clusters.size()));
  return 0;
}
