#pragma once

namespace c10 {
struct TensorImpl;
}

namespace build_runtime {

// Gives a tensor that could not get the sizes it should have the sizes [0]; see
// upstream/backed_sizes.h.
void make_empty(c10::TensorImpl& tensor);

} // namespace build_runtime
