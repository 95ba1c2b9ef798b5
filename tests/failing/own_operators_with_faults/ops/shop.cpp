#include <torch/extension.h>

TORCH_LIBRARY(shop, m) {
  m.def("tax(Tensr x) -> Tensor");
  m.def("total", total);
  m.class_<Cart>("Cart").def(torch::init<>());
}
