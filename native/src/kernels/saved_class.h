// Classes whose objects come out of models and nowhere else: a name, and a function that makes an
// object of what was saved of it.
//
// torch::class_ would do, too. It infers a schema for each method, and what names types in schemas
// (c10::detail::infer_schema, fmt, unions) is 90 KB that nothing else in a runtime needs.
#pragma once

#include "kernels/xnnpack.h"

#include <ATen/core/class_type.h>
#include <ATen/core/function.h>
#include <ATen/core/function_schema.h>
#include <torch/custom_class.h>

#include <memory>
#include <string>
#include <utility>

namespace build_runtime {

// The method that the loader calls with a new object and what was saved (objLoaderMobile in
// torch/csrc/jit/mobile/import.cpp).
class SetState final : public torch::jit::Function {
 public:
  using Read = c10::intrusive_ptr<torch::CustomClassHolder> (*)(const c10::IValue& state);

  SetState(const std::string& owner, Read read)
      : name_(c10::QualifiedName(owner), "__setstate__"),
        schema_(name_.name(), "", {c10::Argument("self"), c10::Argument("state")},
                {c10::Argument()}),
        read_(read) {}

  void run(torch::jit::Stack& stack) override {
    if (stack.size() < num_inputs()) {
      fail_kernel("packed weights are set without what was saved of them");
    }
    const c10::IValue state = torch::jit::pop(stack);
    const auto self = torch::jit::pop(stack).toObject();
    if (self->type()->name() != name_.prefix() || self->slots().size() != 1) {
      fail_kernel("packed weights are set in an object of another class");
    }
    self->setSlot(0, c10::IValue::make_capsule(read_(state)));
    stack.emplace_back();
  }

  using Function::call;

  bool call(torch::jit::Stack& stack,
            c10::function_ref<void(const torch::jit::mobile::Code&)> /*interpret*/) override {
    run(stack);
    return false;
  }

  const c10::QualifiedName& qualname() const override { return name_; }
  const c10::FunctionSchema& getSchema() const override { return schema_; }
  size_t num_inputs() const override { return schema_.arguments().size(); }
  void ensure_defined() override {}

  Function& setSchema(c10::FunctionSchema schema) override {
    schema_ = std::move(schema);
    return *this;
  }

 private:
  c10::QualifiedName name_;
  c10::FunctionSchema schema_;
  Read read_;
};

// `Held` is what objects of the class hold.
template <class Held>
class SavedClass final : torch::detail::class_base {
 public:
  SavedClass(const char* space, const char* name, SetState::Read read)
      : class_base(space, name, "", typeid(c10::intrusive_ptr<Held>),
                   typeid(c10::tagged_capsule<Held>)) {
    auto method = std::make_unique<SetState>(qualClassName, read);
    classTypePtr->addMethod(method.get());
    torch::registerCustomClassMethod(std::move(method));
  }
};

} // namespace build_runtime
