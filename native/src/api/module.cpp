#include "api/arguments.h"
#include "loading/archive.h"
#include "registry/weights.h"

#include <ATen/selected_mobile_ops.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/mobile/interpreter.h>
#include <torch/csrc/jit/runtime/instruction.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <cstdio>
#include <iterator>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

using build_runtime::fail;
using build_runtime::give;
using build_runtime::guard;
using build_runtime::LoadedModule;
using build_runtime::require;
using torch::jit::mobile::Function;

namespace build_runtime {
namespace {

void print_warning(void* /*context*/, const char* text) {
  std::fprintf(stderr, "warning: %s\n", text);
}

// Where the text of a model's `warnings.warn` goes. LibTorch's own warnings have none: it is
// stripped.
class Warnings final : public c10::WarningHandler {
 public:
  void hand_to(void (*handler)(void*, const char*), void* context) {
    handler_ = handler == nullptr ? &print_warning : handler;
    context_ = context;
  }

  void process(const c10::Warning& warning) override {
    if (!warning.msg().empty()) {
      handler_(context_, warning.msg().c_str());
    }
  }

 private:
  void (*handler_)(void*, const char*) = &print_warning;
  void* context_ = nullptr;
};

} // namespace
} // namespace build_runtime

namespace build_runtime {
namespace {

struct Method {
  Function* function = nullptr;
  bool keeps_state = false;
};

} // namespace
} // namespace build_runtime

struct br_module {
  LoadedModule loaded;
  // The exported ones, out of all functions of the bytecode.
  std::vector<build_runtime::Method> methods;
  build_runtime::Warnings warnings;
  // Shared by runs that only read the module; one that keeps state has it for itself.
  std::shared_mutex turn;
};

namespace build_runtime {
namespace {

// The right to run a method of a module, beside others or alone.
class Turn {
 public:
  Turn(std::shared_mutex& mutex, bool alone)
      : beside_(mutex, std::defer_lock), alone_(mutex, std::defer_lock) {
    if (alone) {
      alone_.lock();
    } else {
      beside_.lock();
    }
  }

 private:
  std::shared_lock<std::shared_mutex> beside_;
  std::unique_lock<std::shared_mutex> alone_;
};

// Bytecode also holds methods of submodules and other classes; exported are those of `self`.
std::vector<Method> exported_methods(const LoadedModule& loaded) {
  const std::string owner = loaded.self->name();
  std::vector<Method> methods;
  for (size_t i = 0; i < loaded.keeps_state.size(); ++i) {
    Function* function = loaded.functions->methods()[i].get();
    if (function->qualname().prefix() == owner) {
      methods.push_back({function, loaded.keeps_state[i]});
    }
  }
  return methods;
}

const Method& find_method(const br_module& module, const char* name) {
  std::string known;
  for (const Method& method : module.methods) {
    if (method.function->name() == name) {
      return method;
    }
    known += (known.empty() ? "" : ", ") + method.function->name();
  }
  fail(BR_NOT_FOUND, std::string("the model has no method '") + name + "'; it has: " + known);
}

// The tensors an operator was given, as `float32[1, 3]`, and the dtypes there are no kernels for.
class Inputs {
 public:
  void add(const c10::IValue& value) {
    if (value.isTensor() && value.toTensor().defined()) {
      add(value.toTensor());
    } else if (value.isTensorList()) {
      separate();
      text_ += '[';
      first_ = true;
      for (const c10::IValue& item : value.toListRef()) {
        add(item);
      }
      text_ += ']';
      first_ = false;
    }
  }

  std::string text() const {
    if (foreign_.empty()) {
      return "(" + text_ + ")";
    }
    return "(" + text_ + "): this runtime was built without kernels for " + foreign_ +
           " (--dtypes adds them)";
  }

 private:
  void separate() {
    text_ += first_ ? "" : ", ";
    first_ = false;
  }

  void add(const at::Tensor& tensor) {
    separate();
    if (text_.size() > kLongest) {
      return;
    }
    const auto dtype = tensor.scalar_type();
    text_ += dtype_name(dtype);
    text_ += '[';
    for (int64_t i = 0; i < tensor.dim(); ++i) {
      text_ += (i == 0 ? "" : ", ") + std::to_string(tensor.size(i));
    }
    text_ += ']';
    if (!at::should_include_kernel_dtype("", dtype) && !c10::isQIntType(dtype) &&
        foreign_.find(c10::toString(dtype)) == std::string::npos) {
      foreign_ += (foreign_.empty() ? "" : ",") + std::string(c10::toString(dtype));
    }
  }

  static constexpr size_t kLongest = 1000; // bytes: of a list of thousands the rest says no more

  std::string text_;
  std::string foreign_;
  bool first_ = true;
};

// Operators that we register leave their arguments on the stack until they end. Those of LibTorch's
// registrars take them first: what is there when they throw belongs to others. Only the schemas of
// those have names for their arguments.
std::string describe_inputs(const c10::OperatorName& name, c10::ArrayRef<c10::IValue> stack) {
  const auto op = torch::jit::findOperatorFor(name);
  if (op == nullptr) {
    return "";
  }
  const auto& arguments = op->schema().arguments();
  if (!arguments.empty() && !arguments[0].name().empty()) {
    return "";
  }
  Inputs inputs;
  const size_t count = std::min(arguments.size(), stack.size());
  for (const c10::IValue& value : stack.slice(stack.size() - count)) {
    inputs.add(value);
  }
  return inputs.text();
}

// Containers of the caller's own: those of the module may change with its next run, while he reads.
// Tensors stay shared. What holds itself does so in the copy, too.
class OwnContainers {
 public:
  // NOLINTNEXTLINE(misc-no-recursion)
  c10::IValue of(const c10::IValue& value, int depth = 0) {
    if (!value.isTuple() && !value.isList() && !value.isGenericDict()) {
      return value;
    }
    if (depth == kDeepest) {
      fail(BR_RUN_FAILED, "the result is nested too deeply");
    }
    if (value.isTuple()) {
      return of_tuple(value, depth);
    }
    const auto [known, is_new] = copies_.try_emplace(value.internalToPointer());
    if (!is_new) {
      return known->second;
    }
    return value.isList() ? of_list(value.toList(), known->second, depth)
                          : of_dict(value.toGenericDict(), known->second, depth);
  }

 private:
  static constexpr int kDeepest = 256;

  c10::IValue of_list(const c10::List<c10::IValue>& given, c10::IValue& copy, int depth) {
    auto list = given.copy();
    copy = list;
    for (size_t i = 0; i < list.size(); ++i) {
      list.set(i, of(list.get(i), depth + 1));
    }
    return list;
  }

  c10::IValue of_dict(const c10::impl::GenericDict& given, c10::IValue& copy, int depth) {
    const auto dict = given.copy();
    copy = dict;
    for (const auto& entry : dict) {
      entry.setValue(of(entry.value(), depth + 1));
    }
    return dict;
  }

  c10::IValue of_tuple(const c10::IValue& value, int depth) {
    const auto& tuple = value.toTupleRef();
    std::vector<c10::IValue> items;
    bool same = true;
    for (const c10::IValue& item : tuple.elements()) {
      items.push_back(of(item, depth + 1));
      same = same && items.back().is(item);
    }
    return same ? value
                : c10::ivalue::Tuple::createNamed(std::move(items), tuple.type<c10::DynamicType>());
  }

  std::unordered_map<const void*, c10::IValue> copies_; // of containers, by what they are copies of
};

// ` at model.py:12: x = self.conv(x)`, for a model that has debug information.
std::string describe_place(const LoadedModule& loaded, const Function& function, size_t at) {
  std::string line;
  // a damaged record must not hide what went wrong
  guard(nullptr, [&] { line = loaded.lines.find(function.qualname().qualifiedName(), at); });
  return line.empty() ? "" : " at " + line;
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
    const std::string place = describe_place(module.loaded, *functions[function], at) + ": ";
    if (!calls || name >= code.op_names_.size()) {
      return torch::jit::toString(instruction.op) + place;
    }
    return torch::jit::mobile::operator_str(code.op_names_[name]) +
           describe_inputs(code.op_names_[name], stack) + place;
  }
  return "";
}

// What a frozen model keeps in attributes no more is among the constants of its code.
void tell_weights(const LoadedModule& loaded) {
  tell_owned(loaded.self);
  for (const auto& function : loaded.functions->methods()) {
    for (const c10::IValue& constant : function->get_code().constants_) {
      tell_owned(constant);
    }
  }
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
        const c10::WarningUtils::WarningHandlerGuard warnings(&made->warnings);
        made->loaded = load(open());
        made->methods = exported_methods(made->loaded);
        tell_weights(made->loaded);
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
  build_runtime::tell_dropped();
}

size_t br_module_method_count(const br_module* module) {
  return module == nullptr ? 0 : module->methods.size();
}

const char* br_module_method_name(const br_module* module, size_t index) {
  return index < br_module_method_count(module) ? module->methods[index].function->name().c_str()
                                                : nullptr;
}

size_t br_module_extra_file_count(const br_module* module) {
  return module == nullptr ? 0 : module->loaded.extra_files.size();
}

const char* br_module_extra_file_name(const br_module* module, size_t index) {
  if (index >= br_module_extra_file_count(module)) {
    return nullptr;
  }
  return std::next(module->loaded.extra_files.begin(), static_cast<std::ptrdiff_t>(index))
      ->first.c_str();
}

br_status br_module_extra_file(const br_module* module, const char* name, const void** data,
                               size_t* size, br_error** error) {
  return guard(error, [&] {
    require(module, "module");
    require(name, "name");
    require(data, "data");
    require(size, "size");
    const auto found = module->loaded.extra_files.find(name);
    if (found == module->loaded.extra_files.end()) {
      fail(BR_NOT_FOUND, std::string("the model has no extra file '") + name + "'");
    }
    *data = found->second.data();
    *size = found->second.size();
  });
}

br_status br_module_on_warning(br_module* module, void (*handler)(void* context, const char* text),
                               void* context, br_error** error) {
  return guard(error, [&] {
    require(module, "module");
    module->warnings.hand_to(handler, context);
  });
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
    const c10::WarningUtils::WarningHandlerGuard warnings(&module->warnings);
    const build_runtime::Method& found = build_runtime::find_method(*module, method);
    stack = build_runtime::make_stack(*found.function, module->loaded.self,
                                      c10::ArrayRef<const br_value*>(arguments, argument_count));
    const build_runtime::Turn turn(module->turn, found.keeps_state);
    running = true;
    torch::jit::mobile::InterpreterState(found.function->get_code()).run(stack);
    if (stack.empty()) {
      fail(BR_BAD_MODEL, "the method left no result");
    }
    give(result, build_runtime::OwnContainers().of(stack.front()));
  };
  const br_status status = guard(error, body, BR_RUN_FAILED);
  if (status == BR_RUN_FAILED && running) {
    guard(nullptr,
          [&] { build_runtime::prepend(error, build_runtime::failed_operator(*module, stack)); });
  }
  return status;
}
