// Note [A loader of our own]
// torch::jit::_load_for_mobile does the same job, but every overload of it also links the
// flatbuffer loader and C++ file streams, stops at the first method with missing operators, and
// indexes the bytecode tables unchecked. This one reads only zip archives, checks what it reads
// (see Note [Pickles of strangers] and model_check.cpp), and lists all missing operators at once.
// The bytecode format is described at the top of torch/csrc/jit/mobile/import.cpp; classes and
// objects are resolved by its functions.
#include "loading/archive.h"
#include "loading/missing.h"
#include "registry/registration.h"

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
#include <torch/csrc/jit/serialization/unpickler.h>

#include <algorithm>
#include <cstring>

namespace build_runtime {
namespace {

using c10::IValue;
using caffe2::serialize::PyTorchStreamReader;
namespace jit = torch::jit;
namespace mobile = torch::jit::mobile;

// Far above what exporters write, far below what would exhaust memory.
constexpr int64_t kMaxRegisters = 1 << 20;

// The version of bytecode that names none.
constexpr int64_t kUnversioned = 3;

constexpr char kExtra[] = "extra/";

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

class Loader {
 public:
  explicit Loader(PyTorchStreamReader& reader) : reader_(reader) {
    loaded_.classes = std::make_shared<jit::CompilationUnit>();
    loaded_.functions = std::make_shared<mobile::CompilationUnit>();
  }

  LoadedModule load() {
    const IValue bytecode = read("bytecode", constants_prefix());
    const auto entries = tuple(bytecode, 1, "bytecode");
    check_versions(entries[0].isInt() ? entries[0].toInt() : kUnversioned);
    for (const IValue& entry : entries.slice(1)) {
      add_function(tuple(entry, 2, "function"));
    }
    // Before the data: reading it may already run methods (`__setstate__`).
    if (missing_.any()) {
      fail_for_missing();
    }
    std::vector<std::vector<Step>> steps;
    for (const auto& function : loaded_.functions->methods()) {
      steps.push_back(check_code(*function));
    }
    loaded_.keeps_state = find_state_keepers(*loaded_.functions, steps);
    IValue self = read("data", "data/");
    if (!self.isObject()) {
      fail_model("the data is not a module");
    }
    loaded_.self = std::move(self).toObject();
    loaded_.lines = SourceLines(reader_);
    read_extra_files();
    return std::move(loaded_);
  }

 private:
  void read_extra_files() {
    for (const std::string& name : reader_.getAllRecords()) {
      if (name.compare(0, sizeof(kExtra) - 1, kExtra) == 0) {
        const auto record = reader_.getRecord(name);
        loaded_.extra_files[name.substr(sizeof(kExtra) - 1)].assign(
            static_cast<const char*>(std::get<0>(record).get()), std::get<1>(record));
      }
    }
  }

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

  IValue read(const std::string& archive, const std::string& tensor_prefix) {
    size_t size = 0;
    at::DataPtr pickle;
    std::tie(pickle, size) = reader_.getRecord(archive + ".pkl");
    check_pickle(pickle.get(), size);
    jit::Unpickler unpickler(
        bytes_of(pickle.get(), size),
        [this](const c10::QualifiedName& name) { return resolve(name); },
        [this](const at::StrongTypePtr& type, const IValue& state) {
          return make_object(type, state);
        },
        [&](const std::string& key) { return read_tensor(tensor_prefix + key); }, std::nullopt,
        /*use_storage_device=*/false,
        /*type_parser=*/nullptr);
    IValue value = unpickler.parse_ivalue();
    check_tensors(value, record_sizes_);
    return value;
  }

  at::StrongTypePtr resolve(const c10::QualifiedName& name) {
    if (!missing_.note_classes(name.qualifiedName())) {
      fail_for_missing();
    }
    check_type_text(name.qualifiedName());
    at::StrongTypePtr type = jit::typeResolverMobile(name, loaded_.classes);
    if (type.type_ == nullptr) {
      fail_model("it names a type that there is not: " + name.qualifiedName());
    }
    return type;
  }

  c10::intrusive_ptr<c10::ivalue::Object> make_object(const at::StrongTypePtr& type,
                                                      const IValue& state) {
    // its `__setstate__` may read the tensors at once
    check_tensors(state, record_sizes_);
    auto object = jit::objLoaderMobile(type, state, *loaded_.functions);
    // without that method the state is the attributes, in the order of the class
    if (object->type().get() == type.type_.get() && !has_setstate(type)) {
      check_object(*object, state);
      const size_t count = object->slots().size();
      if (attribute_counts_.emplace(type.type_.get(), count).first->second != count) {
        fail_model("two objects of one class have other attributes");
      }
    }
    return object;
  }

  bool has_setstate(const at::StrongTypePtr& type) const {
    const auto& name = type.type_->expectRef<at::ClassType>().name();
    return loaded_.functions->find_function(c10::QualifiedName(*name, "__setstate__")) != nullptr;
  }

  // Tensors that share a storage name one record: it is read once, and they share memory again.
  at::DataPtr read_tensor(const std::string& name) {
    std::shared_ptr<at::DataPtr>& record = records_[name];
    if (record == nullptr) {
      size_t size = 0;
      record = std::make_shared<at::DataPtr>();
      std::tie(*record, size) = reader_.getRecord(name);
      record_sizes_[record->get()] = size;
    }
    return at::DataPtr(
        record->get(), new std::shared_ptr<at::DataPtr>(record),
        [](void* context) { delete static_cast<std::shared_ptr<at::DataPtr>*>(context); },
        at::kCPU);
  }

  void check_versions(int64_t bytecode_version) {
    using namespace caffe2::serialize;
    if (bytecode_version < static_cast<int64_t>(kMinSupportedBytecodeVersion) ||
        bytecode_version > static_cast<int64_t>(kMaxSupportedBytecodeVersion)) {
      fail(BR_BAD_MODEL, "the model has bytecode version " + std::to_string(bytecode_version) +
                             ", this runtime reads " +
                             std::to_string(kMinSupportedBytecodeVersion) + " to " +
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
          missing_.note_operators(
              *function->get_code().functions_.at(static_cast<size_t>(instruction.X)));
        }
      }
    }
    for (const IValue& constant : tuple(field(code, 2, "constants"), 0, "constants")) {
      function->append_constant(constant);
    }
    const IValue& types = field(code, 3, "types");
    bool classes_are_here = true;
    for (const IValue& type : tuple(types, 0, "types")) {
      const bool here = missing_.note_classes(text(type, "type"));
      classes_are_here &= here;
      if (here) {
        check_type_text(type.toStringRef());
      }
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
        const int64_t given = number(parts[2], "number of arguments");
        if (given < INT32_MIN || given > INT32_MAX) {
          fail_model("an operator has an impossible number of arguments");
        }
        arguments = static_cast<int>(given);
      }
      function.append_operator(text(parts[0], "operator name"), text(parts[1], "overload name"),
                               arguments);
    }
    missing_.note_operators(function);
  }

  void add_instructions(const IValue& instructions, mobile::Function& function) {
    for (const IValue& value : tuple(instructions, 0, "instructions")) {
      const auto parts = tuple(value, 3, "instruction");
      const std::string& name = text(parts[0], "instruction");
      const int64_t first = number(parts[1], "operand");
      const int64_t second = number(parts[2], "operand");
      if (first < INT32_MIN || first > INT32_MAX || second < 0 || second > UINT16_MAX) {
        fail_model("an instruction has an impossible operand");
      }
      if (missing_.note_instruction(name)) {
        function.append_instruction(jit::parseOpCode(name.c_str()), first, second);
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
    function.setSchema(c10::FunctionSchema(function.qualname().qualifiedName(), "",
                                           std::move(arguments), std::move(returns)));
  }

  std::vector<c10::Argument> read_arguments(const IValue& list) {
    std::vector<c10::Argument> arguments;
    for (const IValue& value : tuple(list, 0, "argument list")) {
      const std::string& type = text(field(value, 1, "type"), "argument type");
      // the interpreter has no type for a Union
      const bool known = missing_.note_classes(type) && !mentions_union(type);
      arguments.emplace_back(text(field(value, 0, "name"), "argument name"),
                             known ? resolve(type).type_ : c10::AnyType::get(), std::nullopt,
                             field(value, 2, "default_value"));
    }
    return arguments;
  }

  PyTorchStreamReader& reader_;
  LoadedModule loaded_;
  std::unordered_map<std::string, std::shared_ptr<at::DataPtr>> records_;
  RecordSizes record_sizes_;
  std::unordered_map<const c10::Type*, size_t> attribute_counts_;
  Missing missing_;
  bool upgrade_ = false;
};

} // namespace

std::function<size_t(char*, size_t)> bytes_of(const void* data, size_t size) {
  return [at = static_cast<const char*>(data), size](char* buffer, size_t count) mutable {
    count = std::min(count, size);
    std::memcpy(buffer, at, count);
    at += count;
    size -= count;
    return count;
  };
}

LoadedModule load(std::shared_ptr<caffe2::serialize::ReadAdapterInterface> source) {
  check_archive(*source);
  PyTorchStreamReader reader(std::move(source));
  return Loader(reader).load();
}

} // namespace build_runtime
