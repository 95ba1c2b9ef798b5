// Note [A loader of our own]
// torch::jit::_load_for_mobile does the same job, but every overload of it also links the
// flatbuffer loader and C++ file streams, stops at the first method with missing operators, and
// indexes the bytecode tables unchecked. This one reads only zip archives, checks every table it
// reads, and lists all missing operators of the model at once. The bytecode format is described at
// the top of torch/csrc/jit/mobile/import.cpp; classes and objects are resolved by its functions.
#include "archive.h"
#include "missing.h"
#include "registration.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/class_type.h>
#include <ATen/core/function_schema.h>
#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/versions.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/mobile/function.h>
#include <torch/csrc/jit/mobile/import.h>
#include <torch/csrc/jit/mobile/parse_bytecode.h>
#include <torch/csrc/jit/mobile/upgrader_mobile.h>
#include <torch/csrc/jit/runtime/instruction.h>
#include <torch/csrc/jit/serialization/import_read.h>

namespace torch::jit {
OpCode parseOpCode(const char* str);
} // namespace torch::jit

namespace build_runtime {
namespace {

using c10::IValue;
using caffe2::serialize::PyTorchStreamReader;
namespace jit = torch::jit;
namespace mobile = torch::jit::mobile;

// Far above what exporters write, far below what would exhaust memory.
constexpr int64_t kMaxRegisters = 1 << 20;

[[noreturn]] void fail_model(const std::string& reason) {
  fail(BR_BAD_MODEL, "the model is damaged: " + reason);
}

c10::ArrayRef<IValue> tuple(const IValue& value, size_t least, const char* what) {
  if (!value.isTuple()) {
    fail_model(std::string("no ") + what);
  }
  const auto elements = value.toTupleRef().elements().asArrayRef();
  if (elements.size() < least) {
    fail_model(std::string("incomplete ") + what);
  }
  return elements;
}

// Tables are tuples of (name, content), always in the same order.
const IValue& field(const IValue& table, size_t index, const char* name) {
  const auto entry = tuple(tuple(table, index + 1, "table")[index], 2, "table entry");
  if (!entry[0].isString() || entry[0].toStringRef() != name) {
    fail_model(std::string("no ") + name);
  }
  return entry[1];
}

const std::string& text(const IValue& value, const char* what) {
  if (!value.isString()) {
    fail_model(std::string("no ") + what);
  }
  return value.toStringRef();
}

int64_t number(const IValue& value, const char* what) {
  if (!value.isInt()) {
    fail_model(std::string("no ") + what);
  }
  return value.toInt();
}

// The unpickler believes the shape a tensor claims; a damaged one would read beyond its storage.
void check_tensor(const IValue& value) {
  if (!value.isTensor() || !value.toTensor().defined() || !value.toTensor().has_storage()) {
    return;
  }
  const at::Tensor& tensor = value.toTensor();
  for (int64_t dimension = 0; dimension < tensor.dim(); ++dimension) {
    if (tensor.size(dimension) < 0 || tensor.stride(dimension) < 0) {
      fail_model("a tensor has a negative size");
    }
  }
  const size_t needed = tensor.numel() == 0
      ? 0
      : at::detail::computeStorageNbytes(
            tensor.sizes(), tensor.strides(), tensor.dtype().itemsize(), tensor.storage_offset());
  if (tensor.storage_offset() < 0 || needed > tensor.storage().nbytes()) {
    fail_model("a tensor is larger than its data");
  }
}

class Loader {
 public:
  explicit Loader(PyTorchStreamReader& reader) : reader_(reader) {
    loaded_.classes = std::make_shared<jit::CompilationUnit>();
    loaded_.functions = std::make_shared<mobile::CompilationUnit>();
  }

  LoadedModule load() {
    const IValue bytecode = read("bytecode", constants_prefix());
    const auto entries = tuple(bytecode, 1, "bytecode");
    check_versions(number(entries[0], "bytecode version"));
    for (const IValue& entry : entries.slice(1)) {
      add_function(tuple(entry, 2, "function"));
    }
    // Before the data: reading it may already run methods (`__setstate__`).
    if (missing_.any()) {
      fail_for_missing();
    }
    IValue self = read("data", "data/");
    if (!self.isObject()) {
      fail_model("the data is not a module");
    }
    loaded_.self = std::move(self).toObject();
    return std::move(loaded_);
  }

 private:
  // The data has not been read: the classes it names belong to the list, too.
  [[noreturn]] void fail_for_missing() {
    const auto data = reader_.getRecord("data.pkl");
    missing_.note_globals(static_cast<const char*>(std::get<0>(data).get()), std::get<1>(data));
    missing_.fail();
  }

  // Tensors of the bytecode moved from "constants/" to "bytecode/" over time.
  const char* constants_prefix() {
    return jit::isTensorInBytecodeArchive(reader_) ? "bytecode/" : "constants/";
  }

  IValue read(const char* archive, const char* tensor_prefix) {
    return jit::readArchiveAndTensors(
        archive,
        "",
        tensor_prefix,
        [this](const c10::QualifiedName& name) {
          if (!missing_.note_classes(name.qualifiedName())) {
            fail_for_missing();
          }
          return jit::typeResolverMobile(name, loaded_.classes);
        },
        [this](const at::StrongTypePtr& type, const IValue& input) {
          if (input.isGenericDict()) {
            for (const auto& attribute : input.toGenericDict()) {
              check_tensor(attribute.value());
            }
          }
          return jit::objLoaderMobile(type, input, *loaded_.functions);
        },
        std::nullopt,
        reader_,
        nullptr);
  }

  void check_versions(int64_t bytecode_version) {
    using namespace caffe2::serialize;
    if (bytecode_version < static_cast<int64_t>(kMinSupportedBytecodeVersion) ||
        bytecode_version > static_cast<int64_t>(kMaxSupportedBytecodeVersion)) {
      fail(
          BR_BAD_MODEL,
          "the model has bytecode version " + std::to_string(bytecode_version) +
              ", this runtime reads " + std::to_string(kMinSupportedBytecodeVersion) + " to " +
              std::to_string(kMaxSupportedBytecodeVersion));
    }
    upgrade_ = reader_.version() < kProducedFileFormatVersion;
  }

  void add_function(c10::ArrayRef<IValue> entry) {
    auto function =
        std::make_unique<mobile::Function>(c10::QualifiedName(text(entry[0], "function name")));
    const IValue& code = entry[1];
    // A build whose models need no upgrader has none.
    const auto* list = upgrade_ ? upgraders() : nullptr;
    if (list != nullptr) {
      for (const auto& upgrader : *list) {
        function->append_function(upgrader.function);
      }
    }
    add_operators(field(code, 1, "operators"), *function);
    add_instructions(field(code, 0, "instructions"), *function);
    if (upgrade_ && list == nullptr) {
      missing_.note_outdated(*function, reader_.version());
    } else if (upgrade_) {
      mobile::applyUpgrader(function.get(), reader_.version());
      for (const auto& instruction : function->get_code().instructions_) {
        if (instruction.op == jit::CALL) {
          missing_.note_operators(*function->get_code().functions_.at(instruction.X));
        }
      }
    }
    for (const IValue& constant : tuple(field(code, 2, "constants"), 0, "constants")) {
      check_tensor(constant);
      function->append_constant(constant);
    }
    const IValue& types = field(code, 3, "types");
    bool classes_are_here = true;
    for (const IValue& type : tuple(types, 0, "types")) {
      classes_are_here &= missing_.note_classes(text(type, "type"));
    }
    if (classes_are_here) {
      mobile::parseTypes(types.toTupleRef().elements(), function.get());
    }
    const int64_t registers = number(field(code, 4, "register_size"), "register_size");
    if (registers < 0 || registers > kMaxRegisters) {
      fail_model("impossible number of registers");
    }
    function->set_register_size(static_cast<size_t>(registers));
    if (entry.size() > 2) {
      add_schema(entry[2], *function);
    }
    loaded_.functions->register_function(std::move(function));
  }

  void add_operators(const IValue& operators, mobile::Function& function) {
    for (const IValue& value : tuple(operators, 0, "operators")) {
      const auto parts = tuple(value, 2, "operator");
      std::optional<int> arguments;
      if (parts.size() > 2) {
        arguments = static_cast<int>(number(parts[2], "number of arguments"));
      }
      function.append_operator(
          text(parts[0], "operator name"), text(parts[1], "overload name"), arguments);
    }
    missing_.note_operators(function);
  }

  void add_instructions(const IValue& instructions, mobile::Function& function) {
    for (const IValue& value : tuple(instructions, 0, "instructions")) {
      const auto parts = tuple(value, 3, "instruction");
      const std::string& name = text(parts[0], "instruction");
      if (missing_.note_instruction(name)) {
        function.append_instruction(
            jit::parseOpCode(name.c_str()), number(parts[1], "operand"), number(parts[2], "operand"));
      }
    }
    auto& code = function.get_code();
    const auto index = static_cast<int64_t>(loaded_.functions->methods().size());
    code.debug_handles_.clear();
    for (size_t i = 0; i < code.instructions_.size(); ++i) {
      code.debug_handles_.push_back((index << kFunctionShift) | static_cast<int64_t>(i));
    }
  }

  void add_schema(const IValue& schema, mobile::Function& function) {
    auto arguments = read_arguments(field(schema, 0, "arguments"));
    auto returns = read_arguments(field(schema, 1, "returns"));
    // Calls through an interface look the method up in the class of its object.
    if (!arguments.empty() && arguments[0].name() == "self") {
      const auto owner = arguments[0].type()->cast<c10::ClassType>();
      if (owner != nullptr && owner->findMethod(function.name()) == nullptr) {
        owner->addMethod(&function);
      }
    }
    function.setSchema(c10::FunctionSchema(
        function.qualname().qualifiedName(), "", std::move(arguments), std::move(returns)));
  }

  std::vector<c10::Argument> read_arguments(const IValue& list) {
    std::vector<c10::Argument> arguments;
    for (const IValue& value : tuple(list, 0, "argument list")) {
      const std::string& name = text(field(value, 1, "type"), "argument type");
      c10::TypePtr type = missing_.note_classes(name)
          ? jit::resolveTypeNameMobile(c10::QualifiedName(name), loaded_.classes)
          : nullptr;
      arguments.emplace_back(
          text(field(value, 0, "name"), "argument name"),
          // Unions have no type here, and an argument without one would count as a tensor.
          type == nullptr ? c10::AnyType::get() : std::move(type),
          std::nullopt,
          field(value, 2, "default_value"));
    }
    return arguments;
  }

  PyTorchStreamReader& reader_;
  LoadedModule loaded_;
  Missing missing_;
  bool upgrade_ = false;
};

} // namespace

LoadedModule load(std::shared_ptr<caffe2::serialize::ReadAdapterInterface> source) {
  check_archive(*source);
  PyTorchStreamReader reader(std::move(source));
  return Loader(reader).load();
}

} // namespace build_runtime
