// Print how many cores of a processor are big: `print_big_cores [CORES:HERTZ:LITTLE]...`
#include "api/big_cores.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  std::array<build_runtime::CoreCluster, 8> clusters = {};
  const int count = std::min(argc - 1, static_cast<int>(clusters.size()));
  for (int i = 0; i < count; ++i) {
    char* at = argv[i + 1];
    const auto cores = static_cast<uint32_t>(std::strtoul(at, &at, 10));
    const uint64_t hertz = std::strtoull(at + 1, &at, 10);
    clusters[static_cast<size_t>(i)] = {cores, hertz, at[1] == '1'};
  }
  std::printf("%u\n", build_runtime::big_cores(clusters.data(), static_cast<size_t>(count)));
  return 0;
}
