#include "registry/missing_feature.h"

#include <c10/util/Exception.h>

namespace build_runtime {

void missing_feature(const char* feature) {
  c10::fail("not in this runtime", feature);
}

void missing_operator(const char* name, const char*) {
  c10::fail("not in the source of this runtime", name);
}

} // namespace build_runtime
