#include <torch/csrc/jit/runtime/selective.h>

namespace {

void keep(torch::jit::Stack&) {}

MINI_OPERATOR(cpu, "aten::cpu(Tensor(a) self) -> Tensor(a)", &keep);
MINI_OPERATOR(resolve, "aten::resolve(Tensor(a) self) -> Tensor(a)", &keep);

} // namespace
