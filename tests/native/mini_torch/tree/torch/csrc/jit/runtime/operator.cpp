#include <torch/csrc/jit/runtime/operator.h>

#include <string.h>

namespace torch::jit {
namespace {

Operator* first = nullptr; // before any constructor runs

} // namespace

Operator::Operator(const char* its_name, Operation its_operation)
    : name(its_name), operation(its_operation), next(first) {
  first = this;
}

const Operator* first_operator() {
  return first;
}

Operation find_operation(const char* name) {
  for (const Operator* it = first; it != nullptr; it = it->next) {
    const size_t size = strcspn(it->name, "(");
    if (strlen(name) == size && strncmp(it->name, name, size) == 0) {
      return it->operation;
    }
  }
  return nullptr;
}

} // namespace torch::jit
