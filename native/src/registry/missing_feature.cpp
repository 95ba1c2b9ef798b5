#include "registry/missing_feature.h"

#include <c10/util/Exception.h>

#include <string>

namespace build_runtime {

// Not TORCH_CHECK: its message is stripped from this library, and this one is for the user.
void missing_feature(const char* feature) {
  throw c10::Error(c10::SourceLocation{__func__, __FILE__, __LINE__},
                   std::string("not in this runtime: ") + feature +
                       " (no operator of the models it was built for needs them)");
}

void missing_operator(const char* name, const char* release) {
  throw c10::Error(c10::SourceLocation{__func__, __FILE__, __LINE__},
                   std::string("not in this runtime: ") + name + " (PyTorch " + release +
                       ", which it is built from, does not have this operator)");
}

} // namespace build_runtime
