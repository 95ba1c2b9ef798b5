#include <torch/library.h>

TORCH_LIBRARY_FRAGMENT(aten, m) {
  m.def("relu(Tensor x) -> Tensor", relu);
}
