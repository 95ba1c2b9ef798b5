// What a model needs and this runtime does not hold, collected so that all of it is told at once.
#pragma once

#include <torch/csrc/jit/mobile/function.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace build_runtime {

class Missing {
 public:
  // Resolves the operators of a function; notes those that are not here or part of a feature that
  // was cut, and those that are called with a number of arguments they cannot be called with.
  void note_operators(torch::jit::mobile::Function& function);

  // Notes the operators whose meaning changed after `version` of the operator set: a runtime
  // without upgraders has only the meaning they have now.
  void note_outdated(const torch::jit::mobile::Function& function, uint64_t version);

  // Notes an instruction that is not known, not run, or part of a feature that was cut; returns
  // whether it is there.
  bool note_instruction(const std::string& name);

  // Notes the custom classes in the text of a type; returns whether all are there.
  bool note_classes(const std::string& type);

  // Notes the custom classes that a pickle names, without reading it otherwise.
  void note_globals(const char* pickle, size_t size);

  // Whether anything was noted.
  bool any() const;

  // Throws BR_MISSING_OPERATORS that names everything noted so far.
  [[noreturn]] void fail();

 private:
  std::vector<std::string> operators_;
  std::vector<std::string> instructions_;
  std::vector<std::string> classes_;
};

} // namespace build_runtime
