#include "registry/registration.h"

#include "registry/weights.h"

#include <ATen/core/List.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/stack.h>
#include <c10/util/Exception.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace build_runtime {
namespace {

// Reads one field of an OperatorEntry; `text` moves to its end. The text is generated, never
// foreign.
class Reader {
 public:
  explicit Reader(const char* text) : text_(text) {}

  bool at_end() const { return *text_ == '\0' || *text_ == '~'; }

  c10::Argument argument(const char* name) {
    const bool output = take('>');
    const bool keyword_only = output || take('*');
    const bool written = output || take('!');
    c10::optional<c10::IValue> default_value;
    if (*text_ != '|' && !at_end()) {
      default_value = value(*text_++);
    }
    take('|');
    c10::optional<c10::AliasInfo> alias;
    if (written) {
      alias.emplace();
      alias->setIsWrite(true);
    }
    return c10::Argument(name, c10::AnyType::get(), c10::nullopt, std::move(default_value),
                         keyword_only, std::move(alias));
  }

 private:
  bool take(char wanted) {
    if (*text_ != wanted) {
      return false;
    }
    ++text_;
    return true;
  }

  int64_t integer() {
    char* end = nullptr;
    const int64_t number = std::strtoll(text_, &end, 10);
    text_ = end;
    return number;
  }

  double real() {
    // Sixteen hexadecimal digits: decimal fractions would be read as the locale says.
    char* end = nullptr;
    const uint64_t bits = std::strtoull(text_, &end, 16);
    text_ = end;
    double number = 0;
    std::memcpy(&number, &bits, sizeof(number));
    return number;
  }

  std::string word() {
    const char* begin = text_;
    while (*text_ != '|' && !at_end()) {
      ++text_;
    }
    return std::string(begin, text_);
  }

  template <class T, class Read>
  c10::IValue list(Read read) {
    c10::List<T> items;
    while (*text_ != '|' && !at_end()) {
      items.push_back(read());
      take(',');
    }
    return items;
  }

  c10::IValue value(char kind) {
    switch (kind) {
      case 't':
        return true;
      case 'f':
        return false;
      case 'i':
        return integer();
      case 'd':
        return real();
      case 's':
        return word();
      case 'I':
        return list<int64_t>([this] { return integer(); });
      case 'D':
        return list<double>([this] { return real(); });
      case 'B':
        return list<bool>([this] { return *text_++ == 't'; });
      default:
        return {};
    }
  }

  const char* text_;
};

using Run = void (*)(torch::jit::Stack& stack);

// Tells of what an operator writes to before it runs: see Note [Weights] in registry/weights.h.
torch::jit::Operation telling_writes(Run run, const std::vector<c10::Argument>& arguments) {
  std::vector<std::size_t> written;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].alias_info() != nullptr) {
      written.push_back(i);
    }
  }
  if (written.empty()) {
    return run;
  }
  const std::size_t count = arguments.size();
  return [run, count, written = std::move(written)](torch::jit::Stack& stack) {
    for (const std::size_t position : written) {
      tell_written(torch::jit::peek(stack, position, count));
    }
    run(stack);
  };
}

} // namespace

std::vector<c10::Argument> read_arguments(const char* text, const char* name) {
  std::vector<c10::Argument> arguments;
  for (Reader reader(text); !reader.at_end();) {
    arguments.push_back(reader.argument(name));
  }
  return arguments;
}

std::vector<c10::Argument> any_results(std::size_t count) {
  return std::vector<c10::Argument>(count, c10::Argument("", c10::AnyType::get()));
}

bool register_operators(const OperatorEntry* entries, std::size_t count) {
  for (const OperatorEntry* entry = entries; entry != entries + count; ++entry) {
    std::vector<c10::Argument> arguments = read_arguments(entry->arguments, "");
    torch::jit::Operation run = telling_writes(entry->run, arguments);
    const std::string name(entry->name);
    const std::size_t point = std::min(name.find('.'), name.size());
    torch::jit::registerOperator(torch::jit::Operator(
        name.substr(0, point), name.substr(std::min(point + 1, name.size())), std::move(arguments),
        any_results(entry->results), std::move(run), c10::AliasAnalysisKind::FROM_SCHEMA));
  }
  return true;
}

// Not TORCH_CHECK: its message is stripped from this library, and this one is for the user.
void drop_later_arguments(torch::jit::Stack& stack, std::size_t count, const char* name,
                          const char* release) {
  for (; count > 0; --count) {
    if (!torch::jit::pop(stack).isNone()) {
      throw c10::Error(c10::SourceLocation{__func__, __FILE__, __LINE__},
                       std::string(name) + ": an argument is given that PyTorch " + release +
                           ", which this runtime is built from, does not have");
    }
  }
}

} // namespace build_runtime
