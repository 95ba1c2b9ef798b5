// What the interpreter always has: nothing refers to this file, its constructor is what counts.
#include <torch/csrc/jit/mobile/promoted_prim_ops.h>

namespace torch::jit {
namespace {

void data(Stack&) {}

[[maybe_unused]] Operator registered[] = {
    mobile::prim_op_fn_register("prim::data", &data),
};

} // namespace
} // namespace torch::jit
