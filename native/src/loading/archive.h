// Reading a zip `.ptl` into something that can run.
#pragma once

#include "api/error.h"
#include "loading/source_lines.h"

#include <ATen/core/ivalue.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/mobile/module.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace build_runtime {

struct LoadedModule {
  // The classes of the model; objects point into it.
  std::shared_ptr<torch::jit::CompilationUnit> classes;
  std::shared_ptr<torch::jit::mobile::CompilationUnit> functions;
  c10::intrusive_ptr<c10::ivalue::Object> self;
  SourceLines lines;
  // What was saved beside the model (`_extra_files`): content by name.
  std::map<std::string, std::string> extra_files;
  // Of each of `functions`, whether it may write what outlives a call.
  std::vector<bool> keeps_state;
};

// Where the bytes come from. Both throw Failure and never read outside of what they were given.
std::shared_ptr<caffe2::serialize::ReadAdapterInterface> open_file(const char* path);
std::shared_ptr<caffe2::serialize::ReadAdapterInterface> open_memory(const void* data, size_t size);

// Refuses (BR_BAD_MODEL) what is not an undamaged zip archive with bytecode. See Note [Checksums].
void check_archive(const caffe2::serialize::ReadAdapterInterface& source);

[[noreturn]] void fail_model(const std::string& reason);

// Refuses (BR_BAD_MODEL) a pickle that could crash the unpickler or exhaust memory.
void check_pickle(const void* data, size_t size);

// Gives the bytes of a pickle to an unpickler, piece by piece. They have to outlive it.
std::function<size_t(char*, size_t)> bytes_of(const void* data, size_t size);

bool mentions_union(const std::string& type);

// Refuses the text of a type that could crash the parser of types.
void check_type_text(const std::string& text);

// Sizes in bytes of the records that tensors were read from, by address.
using RecordSizes = std::unordered_map<const void*, size_t>;

// Refuses a value that holds a tensor larger than its data.
void check_tensors(const c10::IValue& root, const RecordSizes& records);

// Refuses an object whose attributes, those of the dict it was made from, differ from its class's.
void check_object(const c10::ivalue::Object& object, const c10::IValue& state);

// What is known of an instruction of a function before it runs.
struct Step {
  int64_t lowest = -1; // the lowest place of the stack that it touches; -1: nothing leads there
  bool ends = false;   // the one after it does not follow
};

// Refuses bytecode that would take from an empty stack or use tables beyond their ends. All
// operators it calls must be there. See Note [Bytecode of strangers].
std::vector<Step> check_code(torch::jit::mobile::Function& function);

// Of each function, whether it or one it calls may write what outlives the call: attributes of the
// module, or constants. `steps` are those of all functions. See Note [Methods that keep state].
std::vector<bool> find_state_keepers(const torch::jit::mobile::CompilationUnit& functions,
                                     const std::vector<std::vector<Step>>& steps);

// How many values a call of a function takes from the stack, its object among them. A function
// without a schema stores them first of all.
size_t count_arguments(const torch::jit::mobile::Function& function);

// Throws Failure: BR_BAD_MODEL, or BR_MISSING_OPERATORS naming all of them.
LoadedModule load(std::shared_ptr<caffe2::serialize::ReadAdapterInterface> source);

// Instructions are numbered through the whole model, so that the interpreter's record of where an
// exception left it names the operator: the upper half is the function, the lower the instruction.
constexpr int kFunctionShift = 32;

} // namespace build_runtime
