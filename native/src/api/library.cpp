// What the library says about itself, and the thread count.
#include "api/error.h"
#include "registry/promoted.h"

#include <ATen/Parallel.h>
#include <torch/csrc/jit/mobile/function.h>
#include <torch/csrc/jit/mobile/prim_ops_registery.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/version.h>

#include <algorithm>
#include <string>
#include <vector>

// Generated for each build.
extern "C" const char br_manifest_text[];

namespace build_runtime {
namespace {

constexpr int kMaxThreads = 256;

std::vector<std::string> list_operators() {
  std::vector<std::string> names;
  for (const auto& op : torch::jit::getAllOperators()) {
    names.push_back(torch::jit::mobile::operator_str(op->schema().operator_name()));
  }
  for (const PromotedOperator& promoted : kPromoted) {
    if (torch::jit::mobile::hasPrimOpsFn(promoted.name)) {
      names.emplace_back(promoted.name);
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// Registration is over when the library is loaded, so the list is made once. Empty if memory ran
// out.
const std::vector<std::string>& operators() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    guard(nullptr, [&] { all = list_operators(); });
    return all;
  }();
  return names;
}

} // namespace
} // namespace build_runtime

uint32_t br_api_version(void) {
  return BR_API_VERSION;
}

const char* br_torch_version(void) {
  return TORCH_VERSION;
}

const char* br_manifest_json(void) {
  return br_manifest_text;
}

size_t br_operator_count(void) {
  return build_runtime::operators().size();
}

const char* br_operator_name(size_t index) {
  const auto& names = build_runtime::operators();
  return index < names.size() ? names[index].c_str() : nullptr;
}

br_status br_set_thread_count(int count, br_error** error) {
  return build_runtime::guard(error, [&] {
    if (count < 1 || count > build_runtime::kMaxThreads) {
      build_runtime::fail(BR_INVALID_ARGUMENT, "the thread count must be 1 to 256");
    }
    at::set_num_threads(count);
  });
}

br_status br_thread_count(int* count, br_error** error) {
  return build_runtime::guard(error, [&] {
    build_runtime::require(count, "count");
    *count = at::get_num_threads();
  });
}
