// Weights in the form that microkernels read, packed once.
#pragma once

#include "kernels/panels.h"

#include <cstdint>
#include <memory>

namespace build_runtime {

// The panels of columns that lie in a weight (Note [Weights] in registry/weights.h), or null. They
// are made at the first call and live as long as the weight; the caller's share keeps them in
// between.
std::shared_ptr<const float> packed_weight(const Columns& columns, int64_t count, int64_t depth);

} // namespace build_runtime
