// Where in the Python source an instruction comes from, for the text of errors.
#pragma once

#include <c10/core/Allocator.h>
#include <caffe2/serialize/inline_container.h>

#include <map>
#include <string>

namespace build_runtime {

// The debug information of a model, kept as it stands in the file, and read when something fails.
class SourceLines {
 public:
  SourceLines() = default;
  // Takes what the model has: nothing, unless its exporter was asked for it.
  explicit SourceLines(caffe2::serialize::PyTorchStreamReader& reader);

  // `model.py:12: x = self.conv(x)`, or "" where nothing is known. Throws what damaged records
  // cause.
  std::string find(const std::string& function, size_t instruction) const;

 private:
  struct Record {
    at::DataPtr data;
    size_t size = 0;
  };

  std::map<std::string, Record> records_;
};

} // namespace build_runtime
