// Tensors that ask for a gradient: none is ever computed, but that they ask is read and kept.
// LibTorch's own has room for gradients of both kinds and the graph that would compute them.
#include "registry/missing_feature.h"

#include <ATen/core/Tensor.h>
#include <c10/core/TensorImpl.h>
#include <c10/util/Exception.h>

#include <memory>
#include <utility>

namespace {

class Asking final : public c10::AutogradMetaInterface {
 public:
  void set_requires_grad(bool requires_grad, at::TensorImpl* tensor) override {
    check(requires_grad, tensor);
    asks_ = requires_grad;
  }

  bool requires_grad() const override { return asks_; }

  at::Tensor& mutable_grad() override { build_runtime::missing_feature("training"); }

  const at::Tensor& grad() const override { return none_; }

  const at::Tensor& fw_grad(uint64_t /*level*/, const at::TensorBase& /*self*/) const override {
    return none_;
  }

  void set_fw_grad(const at::TensorBase& /*gradient*/, const at::TensorBase& /*self*/,
                   uint64_t /*level*/, bool /*in_place*/) override {
    build_runtime::missing_feature("training");
  }

 private:
  static void check(bool requires_grad, const at::TensorImpl* self_impl);

  at::Tensor none_;
  bool asks_ = false;
};

void keep_wish(c10::TensorImpl& tensor, bool requires_grad) {
  tensor.set_autograd_meta(nullptr);
  if (requires_grad) {
    auto asking = std::make_unique<Asking>();
    asking->set_requires_grad(true, &tensor);
    tensor.set_autograd_meta(std::move(asking));
  }
}

} // namespace

namespace torch::autograd {

// Not declared by the header of upstream: there it is an inline function.
// NOLINTNEXTLINE(misc-use-internal-linkage)
at::Tensor make_variable(at::Tensor data, bool requires_grad, bool allow_change);

at::Tensor make_variable(at::Tensor data, bool requires_grad, bool allow_change) {
  if (!data.defined()) {
    return {};
  }
  auto tensor = data.unsafeReleaseIntrusivePtr();
  if (tensor.use_count() > 1 || !tensor->unique_version()) {
    tensor = tensor->shallow_copy_and_detach(/*version_counter=*/0, allow_change);
  }
  tensor->set_allow_tensor_metadata_change(allow_change);
  keep_wish(*tensor, requires_grad);
  return at::Tensor(std::move(tensor));
}

} // namespace torch::autograd

// A failed check has upstream's words, as in dense.cpp.
#line 1 "torch/csrc/autograd/variable.h"
void Asking::check(bool requires_grad, const at::TensorImpl* self_impl) {
  const auto isDifferentiableType = [](at::ScalarType type) {
    return at::isFloatingType(type) || at::isComplexType(type);
  };
  TORCH_CHECK(!requires_grad || isDifferentiableType(at::typeMetaToScalarType(self_impl->dtype())),
              "Only Tensors of floating point and complex dtype can require gradients");
}
