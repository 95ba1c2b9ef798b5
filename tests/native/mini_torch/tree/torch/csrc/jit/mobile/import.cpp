// The one file that uses the C++ library's own types, so that every runtime is linked with some.
#include <torch/csrc/jit/mobile/import.h>

#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>

#include <string>

#include <stdio.h>

namespace torch::jit::mobile {
namespace {

// Strings of a pickle stand behind an X and their length in four little-endian bytes. Returns the
// one that stands at a place, or nothing.
std::string string_at(const unsigned char* pickle, size_t left) {
  if (left < 5 || *pickle != 'X') {
    return "";
  }
  const size_t size =
      pickle[1] | pickle[2] << 8 | pickle[3] << 16 | static_cast<size_t>(pickle[4]) << 24;
  return size <= left - 5 ? std::string(reinterpret_cast<const char*>(pickle + 5), size) : "";
}

bool begins(const std::string& text, const char* with) {
  return text.rfind(with, 0) == 0;
}

// Returns whether the operator is registered.
bool append(Module& module, const std::string& name) {
  const Operation known = find_operation(name.c_str());
  if (known != nullptr && module.count == max_operations) {
    c10::fail("the model has too many operators");
  }
  if (known != nullptr) {
    module.operations[module.count++] = known;
  }
  return known != nullptr;
}

} // namespace

Module load(const void* archive, size_t size) {
  Module module;
  std::string missing;
  const auto bytecode =
      caffe2::serialize::read_record({static_cast<const char*>(archive), size}, "bytecode.pkl");
  const auto* bytes = reinterpret_cast<const unsigned char*>(bytecode.data);
  for (size_t at = 0; at < bytecode.size; ++at) {
    const std::string text = string_at(bytes + at, bytecode.size - at);
    if (begins(text, "__torch__.") && *module.method == '\0') {
      snprintf(module.method, sizeof(module.method), "%s",
               text.substr(text.rfind('.') + 1).c_str());
    }
    if ((begins(text, "aten::") || begins(text, "prim::")) && !append(module, text)) {
      missing += " " + text;
    }
  }
  if (!missing.empty()) {
    c10::fail("operators are not in this runtime", missing.c_str());
  }
  return module;
}

at::Tensor Module::run(const at::Tensor& input) const {
  Stack stack = {input};
  for (size_t i = 0; i < count; ++i) {
    operations[i](stack);
  }
  return stack.top;
}

} // namespace torch::jit::mobile
