// The value files of the tool (builder/vocabulary/value_files.py), as far as cases of one tensor
// go.
#pragma once

#include <torch/csrc/jit/mobile/import.h>

namespace build_runtime {

// Runs a model on a file with a list of tuples of one tensor, and writes the list of its results to
// `out`, which has room for `size` bytes: they take less. Returns how many bytes were written.
// Throws c10::Error for any other file.
size_t run_cases(const torch::jit::mobile::Module& module, const char* file, size_t size,
                 char* out);

} // namespace build_runtime
