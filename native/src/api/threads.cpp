// How many threads a run gets when the app does not say.
#include "api/big_cores.h"

#include <caffe2/utils/threadpool/ThreadPool.h>
#include <cpuinfo.h>

#include <sched.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace build_runtime {
namespace {

// ThreadSanitizer follows no more locks that one thread holds, and a pool locks one per thread.
constexpr uint32_t kMostThreads = 63;

bool is_little(cpuinfo_uarch kind) {
  switch (kind) {
    case cpuinfo_uarch_cortex_a5:
    case cpuinfo_uarch_cortex_a7:
    case cpuinfo_uarch_cortex_a32:
    case cpuinfo_uarch_cortex_a35:
    case cpuinfo_uarch_cortex_a53:
    case cpuinfo_uarch_cortex_a55r0:
    case cpuinfo_uarch_cortex_a55:
    case cpuinfo_uarch_cortex_a510:
    case cpuinfo_uarch_cortex_a520:
      return true;
    default:
      return false;
  }
}

uint32_t count_big_cores() {
  if (!cpuinfo_initialize()) {
    return std::thread::hardware_concurrency();
  }
  std::vector<CoreCluster> clusters(cpuinfo_get_clusters_count());
  for (uint32_t i = 0; i < clusters.size(); ++i) {
    const cpuinfo_cluster& known = *cpuinfo_get_cluster(i);
    clusters[i] = {known.processor_count, known.frequency, is_little(known.uarch)};
  }
  return big_cores(clusters.data(), clusters.size());
}

// Cores this process may run on: systems keep apps in the background away from some.
uint32_t count_allowed_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return sched_getaffinity(0, sizeof(allowed), &allowed) == 0
             ? static_cast<uint32_t>(CPU_COUNT(&allowed))
             : kMostThreads;
}

} // namespace
} // namespace build_runtime

// LibTorch asks when it makes its pool. Its own answer (caffe2/utils/threadpool/ThreadPool.cc) is
// all cores there are, or on Android a guess by their number alone.
namespace caffe2 {

size_t getDefaultNumThreads() {
  const uint32_t cores =
      std::min(build_runtime::count_big_cores(), build_runtime::count_allowed_cores());
  return std::min(std::max(cores, 1U), build_runtime::kMostThreads);
}

} // namespace caffe2
