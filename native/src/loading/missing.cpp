#include "loading/missing.h"

#include "api/error.h"
#include "registry/registration.h"

#include <ATen/core/function_schema.h>
#include <torch/csrc/jit/mobile/prim_ops_registery.h>
#include <torch/csrc/jit/mobile/upgrader_mobile.h>
#include <torch/csrc/jit/runtime/instruction.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/custom_class.h>

#include <algorithm>
#include <cstring>

namespace build_runtime {
namespace {

namespace jit = torch::jit;
namespace mobile = torch::jit::mobile;

constexpr char kClassPrefix[] = "__torch__.torch.classes.";

bool contains(const char* const* names, const std::string& name) {
  while (*names != nullptr && name != *names) {
    ++names;
  }
  return *names != nullptr;
}

// Why an operator cannot be called with so many arguments, or "". Fewer than it has are completed
// with defaults, before the outputs, which are always given and stand last.
std::string refusal(const c10::OperatorName& name, int given) {
  if (given < 0 || mobile::hasPrimOpsFn(c10::toString(name))) {
    return "";
  }
  const auto op = jit::findOperatorFor(name);
  if (op == nullptr || op->schema().is_vararg()) {
    return "";
  }
  const auto& arguments = op->schema().arguments();
  const auto count = static_cast<size_t>(given);
  const std::string with = " with " + std::to_string(count) + " arguments, ";
  if (count > arguments.size()) {
    return with + "here it takes " + std::to_string(arguments.size());
  }
  size_t inputs = arguments.size();
  while (inputs > 0 && arguments[inputs - 1].is_out()) {
    --inputs;
  }
  const size_t outputs = arguments.size() - inputs;
  for (size_t i = count - std::min(count, outputs); i < inputs; ++i) {
    if (!arguments[i].default_value().has_value()) {
      return with + "here it needs more";
    }
  }
  return "";
}

// Sorted, each once, after what they are: `operators a, b`.
void append(std::string& text, const char* what, std::vector<std::string>& names) {
  if (names.empty()) {
    return;
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  text += text.empty() ? what : std::string("; ") + what;
  for (size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? " " : ", ") + names[i];
  }
}

} // namespace

void Missing::note_operators(mobile::Function& function) {
  const bool complete = function.initialize_operators(/*should_check_operators=*/false);
  const auto& code = function.get_code();
  for (size_t i = 0; i < code.op_names_.size(); ++i) {
    const std::string name = mobile::operator_str(code.op_names_[i]);
    if ((!complete && !code.operators_[i]) || contains(cut_operators(), name)) {
      operators_.push_back(name);
      continue;
    }
    const std::string why = refusal(code.op_names_[i], code.operator_input_sizes_[i]);
    if (!why.empty()) {
      operators_.push_back(name + why);
    }
  }
}

void Missing::note_outdated(const mobile::Function& function, uint64_t version) {
  const auto changed = jit::getOperatorVersionMapForMobile();
  for (const auto& op_name : function.get_code().op_names_) {
    const std::string name = mobile::operator_str(op_name);
    const auto found = changed.find(name);
    if (found == changed.end()) {
      continue;
    }
    for (const auto& upgrader : found->second) {
      if (static_cast<int64_t>(version) >= upgrader.min_version &&
          static_cast<int64_t>(version) <= upgrader.max_version) {
        operators_.push_back(name + " as it was in operator version " + std::to_string(version));
      }
    }
  }
}

bool Missing::note_instruction(const std::string& name) {
  const jit::OpCode code = jit::parseOpCode(name.c_str());
  // parseOpCode takes what it does not know for OP.
  const bool held = (code != jit::OP || name == "OP") && jit::isOpSupportedInMobile(code) &&
                    !contains(cut_instructions(), name);
  if (!held) {
    instructions_.push_back(name);
  }
  return held;
}

bool Missing::note_classes(const std::string& type) {
  bool held = true;
  for (size_t at = type.find(kClassPrefix); at != std::string::npos;
       at = type.find(kClassPrefix, at + 1)) {
    const size_t end = type.find_first_of(" ,[]()", at);
    const std::string name = type.substr(at, end == std::string::npos ? end : end - at);
    if (torch::getCustomClass(name) == nullptr) {
      classes_.push_back(name.substr(std::strlen(kClassPrefix)));
      held = false;
    }
  }
  return held;
}

void Missing::note_globals(const char* pickle, size_t size) {
  // GLOBAL is the letter c, then the module and the name, each ended by a line feed.
  static const std::string mark = std::string("c") + kClassPrefix;
  const char* const end = pickle + size;
  for (const char* at = pickle; (at = std::search(at, end, mark.begin(), mark.end())) != end;
       ++at) {
    const char* const dot = std::find(at, end, '\n');
    const char* const stop = dot == end ? end : std::find(dot + 1, end, '\n');
    if (stop != end) {
      note_classes(std::string(at + 1, dot) + "." + std::string(dot + 1, stop));
    }
  }
}

bool Missing::any() const {
  return !operators_.empty() || !instructions_.empty() || !classes_.empty();
}

void Missing::fail() {
  std::string text;
  append(text, "operators", operators_);
  append(text, "instructions", instructions_);
  append(text, "classes", classes_);
  build_runtime::fail(
      BR_MISSING_OPERATORS,
      "the model needs what this runtime does not hold: " + text +
          "; the runtime was built for other models: build it again with this one added");
}

} // namespace build_runtime
