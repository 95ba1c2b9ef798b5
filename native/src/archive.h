// Reading a zip `.ptl` into something that can run.
#pragma once

#include "error.h"

#include <ATen/core/ivalue.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/mobile/module.h>

#include <memory>

namespace build_runtime {

struct LoadedModule {
  // The classes of the model; objects point into it.
  std::shared_ptr<torch::jit::CompilationUnit> classes;
  std::shared_ptr<torch::jit::mobile::CompilationUnit> functions;
  c10::intrusive_ptr<c10::ivalue::Object> self;
};

// Where the bytes come from. Both throw Failure and never read outside of what they were given.
std::shared_ptr<caffe2::serialize::ReadAdapterInterface> open_file(const char* path);
std::shared_ptr<caffe2::serialize::ReadAdapterInterface> open_memory(const void* data, size_t size);

// Refuses (BR_BAD_MODEL) what is not an undamaged zip archive with bytecode. See Note [Checksums].
void check_archive(const caffe2::serialize::ReadAdapterInterface& source);

// Throws Failure: BR_BAD_MODEL, or BR_MISSING_OPERATORS naming all of them.
LoadedModule load(std::shared_ptr<caffe2::serialize::ReadAdapterInterface> source);

// Instructions are numbered through the whole model, so that the interpreter's record of where an
// exception left it names the operator: the upper half is the function, the lower the instruction.
constexpr int kFunctionShift = 32;

} // namespace build_runtime
