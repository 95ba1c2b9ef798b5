// How many threads a run gets on a processor whose cores are not alike.
#pragma once

#include <cstddef>
#include <cstdint>

namespace build_runtime {

// Cores that are alike and share a clock. `little`: of a kind that is made to save energy.
struct CoreCluster {
  uint32_t cores;
  uint64_t hertz; // at most; 0 where it is not told
  bool little;
};

// The cores that are worth a thread. Every parallel part of a run lasts as long as its slowest
// thread, so that one on a core that saves energy makes all others wait. Clusters of such a kind
// are left out where there are others, and those with less than three quarters of the highest
// clock: a second cluster of one kind is the little one of some processors.
inline uint32_t big_cores(const CoreCluster* clusters, std::size_t count) {
  bool any_big = false;
  for (std::size_t i = 0; i < count; ++i) {
    any_big |= !clusters[i].little;
  }
  const auto takes_part = [&](const CoreCluster& it) { return !any_big || !it.little; };
  uint64_t fastest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (takes_part(clusters[i]) && clusters[i].hertz > fastest) {
      fastest = clusters[i].hertz;
    }
  }
  uint32_t cores = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const bool slow = clusters[i].hertz != 0 && clusters[i].hertz < fastest / 4 * 3;
    cores += takes_part(clusters[i]) && !slow ? clusters[i].cores : 0;
  }
  return cores;
}

} // namespace build_runtime
