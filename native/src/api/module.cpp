#include "api/arguments.h"
#include "loading/archive.h"

#include <ATen/selected_mobile_ops.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/mobile/interpreter.h>
#include <torch/csrc/jit/runtime/instruction.h>
#include <torch/csrc/jit/runtime/operator.h>

using build_runtime::fail;
using build_runtime::give;
using build_runtime::guard;
using build_runtime::LoadedModule;
using build_runtime::require;
using torch::jit::mobile::Function;

struct br_module {
  LoadedModule loaded;
  // The exported ones, out of all functions of the bytecode.
  std::vector<Function*> methods;
};

namespace build_runtime {
namespace {

// Bytecode also holds methods of submodules and other classes; exported are those of `self`.
std::vector<Function*> exported_methods(const LoadedModule& loaded) {
  const std::string owner = loaded.self->name();
  std::vector<Function*> methods;
  for (const auto& function : loaded.functions->methods()) {
    if (function->qualname().prefix() == owner) {
      methods.push_back(function.get());
    }
  }
  return methods;
}

Function& find_method(const br_module& module, const char* name) {
  std::string known;
  for (Function* method : module.methods) {
    if (method->name() == name) {
      return *method;
    }
    known += (known.empty() ? "" : ", ") + method->name();
  }
  fail(BR_NOT_FOUND, std::string("the model has no method '") + name + "'; it has: " + known);
}

// The tensors an operator was given, as `float32[1, 3]`: they are still on the stack when it
// throws. LibTorch's own words for a dtype that was not compiled in are stripped, so it is told
// here.
std::string describe_inputs(const c10::OperatorName& name, c10::ArrayRef<c10::IValue> stack) {
  const auto op = torch::jit::findOperatorFor(name);
  if (op == nullptr) {
    return "";
  }
  const size_t count = std::min(op->schema().arguments().size(), stack.size());
  std::string text = "(";
  std::string foreign;
  for (const c10::IValue& value : stack.slice(stack.size() - count)) {
    if (!value.isTensor() || !value.toTensor().defined()) {
      continue;
    }
    const at::Tensor& tensor = value.toTensor();
    text += text.size() == 1 ? "" : ", ";
    text += dtype_name(tensor.scalar_type());
    text += '[';
    for (int64_t i = 0; i < tensor.dim(); ++i) {
      text += (i == 0 ? "" : ", ") + std::to_string(tensor.size(i));
    }
    text += ']';
    const auto dtype = tensor.scalar_type();
    if (!at::should_include_kernel_dtype("", dtype) && !c10::isQIntType(dtype) &&
        foreign.find(c10::toString(dtype)) == std::string::npos) {
      foreign += (foreign.empty() ? "" : ",") + std::string(c10::toString(dtype));
    }
  }
  text += ')';
  if (!foreign.empty()) {
    text += ": this runtime was built without kernels for " + foreign + " (--dtypes adds them)";
  }
  return text;
}

// The operator that was running when an exception left the interpreter on this thread.
std::string failed_operator(const br_module& module, c10::ArrayRef<c10::IValue> stack) {
  for (const int64_t handle : torch::jit::mobile::getInterpretersExceptionDebugHandles()) {
    if (handle < 0) {
      continue;
    }
    const auto& functions = module.loaded.functions->methods();
    const auto function = static_cast<size_t>(handle >> kFunctionShift);
    const auto at = static_cast<size_t>(handle & 0xffffffff);
    if (function >= functions.size() ||
        at >= functions[function]->get_code().instructions_.size()) {
      return "";
    }
    const auto& code = functions[function]->get_code();
    const auto& instruction = code.instructions_[at];
    const bool calls = instruction.op == torch::jit::OP || instruction.op == torch::jit::OPN;
    const auto name = static_cast<size_t>(instruction.X);
    if (!calls || name >= code.op_names_.size()) {
      return std::string(torch::jit::toString(instruction.op)) + ": ";
    }
    return torch::jit::mobile::operator_str(code.op_names_[name]) +
           describe_inputs(code.op_names_[name], stack) + ": ";
  }
  return "";
}

br_status load_module(
    c10::function_ref<std::shared_ptr<caffe2::serialize::ReadAdapterInterface>()> open,
    br_module** module, br_error** error) {
  return guard(
      error,
      [&] {
        require(module, "module");
        const c10::InferenceMode inference;
        auto made = std::make_unique<br_module>();
        made->loaded = load(open());
        made->methods = exported_methods(made->loaded);
        *module = made.release();
      },
      BR_BAD_MODEL);
}

} // namespace
} // namespace build_runtime

br_status br_module_load_file(const char* path, br_module** module, br_error** error) {
  return build_runtime::load_module(
      [&] {
        require(path, "path");
        return build_runtime::open_file(path);
      },
      module, error);
}

br_status br_module_load_memory(const void* data, size_t size, br_module** module,
                                br_error** error) {
  return build_runtime::load_module(
      [&] {
        require(data, "data");
        return build_runtime::open_memory(data, size);
      },
      module, error);
}

void br_module_free(br_module* module) {
  delete module;
}

size_t br_module_method_count(const br_module* module) {
  return module == nullptr ? 0 : module->methods.size();
}

const char* br_module_method_name(const br_module* module, size_t index) {
  return index < br_module_method_count(module) ? module->methods[index]->name().c_str() : nullptr;
}

br_status br_module_run(br_module* module, const char* method, const br_value* const* arguments,
                        size_t argument_count, br_value** result, br_error** error) {
  bool running = false;
  std::vector<c10::IValue> stack;
  const auto body = [&] {
    require(module, "module");
    require(method, "method");
    require(result, "result");
    for (size_t i = 0; i < argument_count; ++i) {
      require(arguments, "arguments");
      require(arguments[i], "an argument");
    }
    const c10::InferenceMode inference;
    Function& function = build_runtime::find_method(*module, method);
    stack = build_runtime::make_stack(function, module->loaded.self,
                                      c10::ArrayRef<const br_value*>(arguments, argument_count));
    running = true;
    torch::jit::mobile::InterpreterState(function.get_code()).run(stack);
    if (stack.empty()) {
      fail(BR_BAD_MODEL, "the method left no result");
    }
    give(result, std::move(stack.front()));
  };
  const br_status status = guard(error, body, BR_RUN_FAILED);
  if (status == BR_RUN_FAILED && running) {
    guard(nullptr,
          [&] { build_runtime::prepend(error, build_runtime::failed_operator(*module, stack)); });
  }
  return status;
}
