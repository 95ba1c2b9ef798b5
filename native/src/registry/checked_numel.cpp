// The number of a tensor's elements, checked. See Note [Sizes that overflow] in
// upstream/checked_sizes.h.
//
// Views can claim more elements than their memory has (`expand`): kernels that make room for so
// many, and then go through the shape, would write beyond. Every change of a shape ends in
// TensorImpl::refresh_numel, an inline function whose product wraps around in mobile builds. It is
// too large to be inlined, so each object has a copy of its own; the linker takes this definition
// before any of those. The sizes are new by then: a tensor that has too many is left empty, as in
// upstream/backed_sizes.h.
#include "registry/emptied.h"

#include <c10/core/TensorImpl.h>

namespace build_runtime {
namespace {

// What TensorImpl keeps for its heirs: upstream calls it for sparse tensors alone.
struct Heir : c10::TensorImpl {
  static constexpr auto kRefresh = &Heir::safe_refresh_numel;
};

} // namespace
} // namespace build_runtime

extern "C" void br_refresh_numel(c10::TensorImpl* tensor);

void br_refresh_numel(c10::TensorImpl* tensor) {
  try {
    (tensor->*build_runtime::Heir::kRefresh)();
  } catch (...) {
    build_runtime::make_empty(*tensor);
    throw;
  }
}

// The compiler has the inline function before its eyes, and refuses another of its name.
__asm__(
    ".globl _ZN3c1010TensorImpl13refresh_numelEv\n"
    ".type _ZN3c1010TensorImpl13refresh_numelEv, %function\n"
    ".set _ZN3c1010TensorImpl13refresh_numelEv, br_refresh_numel\n");
