// Note [Bytecode of strangers]
// The interpreter trusts the compiler that wrote the bytecode: it takes from an empty stack, leaves
// the stack of its caller unbalanced, and looks up attributes without asking how many there are.
// How many values are on the stack is known for every instruction beforehand, whatever way leads
// there. So this follows every path once, when a model is loaded, and what would go wrong is
// refused. Two things are only known when they run, and are asked for then: how long an unpacked
// tuple is, and how many attributes an object has.
#include "loading/archive.h"
#include "registry/promoted.h"

#include <ATen/core/class_type.h>
#include <torch/csrc/jit/mobile/function.h>
#include <torch/csrc/jit/mobile/prim_ops_registery.h>
#include <torch/csrc/jit/mobile/promoted_prim_ops.h>
#include <torch/csrc/jit/runtime/instruction.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>

namespace build_runtime {
namespace {

namespace jit = torch::jit;
using jit::Instruction;
using jit::mobile::Code;
using jit::mobile::Function;
using jit::mobile::Stack;

// What an instruction takes from the stack and puts there.
struct Effect {
  int64_t takes = 0;
  int64_t gives = 0;
  bool ends = false; // nothing after it is run: it returns or raises
};

[[noreturn]] void fail_code(const Function& function, const char* reason) {
  fail_model("the bytecode of '" + function.qualname().qualifiedName() + "' " + reason);
}

int64_t stored_first(const Code& code) {
  if (code.instructions_.empty()) {
    return 0;
  }
  const Instruction& first = code.instructions_[0];
  if (first.op == jit::STOREN) {
    return first.N;
  }
  return first.op == jit::STORE ? 1 : 0;
}

class Checker {
 public:
  explicit Checker(Function& function) : function_(function), code_(function.get_code()) {}

  std::vector<Step> check() {
    const size_t count = code_.instructions_.size();
    depths_.assign(count, -1);
    steps_.resize(count);
    reach(0, static_cast<int64_t>(count_arguments(function_)));
    while (!pending_.empty()) {
      const size_t at = pending_.back();
      pending_.pop_back();
      follow(at);
    }
    return std::move(steps_);
  }

 private:
  void reach(int64_t at, int64_t depth) {
    if (at < 0 || at >= static_cast<int64_t>(depths_.size())) {
      fail_code(function_, "runs out of its instructions");
    }
    int64_t& known = depths_[static_cast<size_t>(at)];
    if (known == -1) {
      known = depth;
      pending_.push_back(static_cast<size_t>(at));
    } else if (known != depth) {
      fail_code(function_, "leaves different stacks at one place");
    }
  }

  void follow(size_t at) {
    const int64_t depth = depths_[at];
    const Instruction instruction = code_.instructions_[at];
    const Effect effect = effect_of(at, instruction);
    if (effect.takes > depth) {
      fail_code(function_, "takes more from the stack than there is");
    }
    steps_[at].lowest = depth - effect.takes;
    const int64_t left = steps_[at].lowest + effect.gives;
    const auto here = static_cast<int64_t>(at);
    switch (instruction.op) {
      case jit::RET:
        if (depth != 1) {
          fail_code(function_, "does not return one value");
        }
        break;
      case jit::JMP:
      case jit::JF:
        reach(here + instruction.X, left);
        break;
      case jit::LOOP:
        reach(here + instruction.X, left - 3); // the count, the limit and the condition are gone
        break;
      default:
        break;
    }
    steps_[at].ends = effect.ends;
    if (!effect.ends) {
      reach(here + 1, left);
    }
  }

  Effect effect_of(size_t at, const Instruction& instruction) {
    const int64_t x = instruction.X;
    const int64_t n = instruction.N;
    switch (instruction.op) {
      case jit::OP:
      case jit::OPN:
        return operator_effect(at, instruction);
      case jit::CALL:
        return call_effect(x);
      case jit::INTERFACE_CALL:
        need(n >= 1 && has(code_.constants_, x) &&
             code_.constants_[static_cast<size_t>(x)].isString());
        return {n, 1};
      case jit::LOAD:
      case jit::MOVE:
        registers(x, 1);
        return {0, 1};
      case jit::STORE:
        registers(x, 1);
        return {1, 0};
      case jit::STOREN:
        registers(x, n);
        return {n, 0};
      case jit::DROPR:
        registers(x, 1);
        return {0, 0};
      case jit::DROP:
      case jit::JF:
        return {1, 0};
      case jit::LOADC:
        need(has(code_.constants_, x));
        return {0, 1};
      case jit::GET_ATTR:
        ask_for_attribute(at, x);
        return {1, 1};
      case jit::SET_ATTR:
        need(x >= 0 && x <= kMaxAttributes);
        return {2, 0};
      case jit::LOOP:
        need(n >= 2);
        return {n + 1, n + 1};
      case jit::LIST_CONSTRUCT:
        type_of(x, 1);
        return {n, 1};
      case jit::DICT_CONSTRUCT:
        type_of(x, 2);
        need(n % 2 == 0);
        return {n, 1};
      case jit::NAMED_TUPLE_CONSTRUCT:
        type_of(x, static_cast<size_t>(n));
        return {n, 1};
      case jit::CREATE_OBJECT:
        type_of(x, 0);
        return {0, 1};
      case jit::ISINSTANCE:
        for (int64_t type = x; type < x + std::max<int64_t>(n, 1); ++type) {
          type_of(type, 0);
        }
        return {1, 1};
      case jit::LIST_UNPACK:
        need(x >= 0 && x <= UINT16_MAX);
        return {1, x};
      case jit::TUPLE_CONSTRUCT:
        need(x >= 0);
        return {x, 1};
      case jit::TUPLE_SLICE:
        need(x >= 0);
        return {1, 1};
      case jit::FORMAT:
        need(x >= 1);
        return {x, 1};
      case jit::TUPLE_INDEX:
      case jit::DICT_INDEX:
      case jit::__IS__:
      case jit::__ISNOT__:
        return {2, 1};
      case jit::TO_LIST:
        return {3, 1};
      case jit::WARN:
        return {2, 0};
      case jit::UN_INITIALIZED:
        return {0, 1};
      case jit::RAISE_EXCEPTION:
        return {2, 0, true};
      case jit::RET:
        return {1, 1, true};
      case jit::JMP:
        return {0, 0, true};
      case jit::DEVICE:
      case jit::DTYPE:
      case jit::DIM:
      case jit::__NOT__:
      case jit::NUM_TO_TENSOR:
      case jit::IS_CUDA:
        return {1, 1};
      default:
        return {0, 0, true}; // the interpreter refuses it
    }
  }

  Effect operator_effect(size_t at, const Instruction& instruction) {
    need(has(code_.operators_, instruction.X));
    const auto index = static_cast<size_t>(instruction.X);
    const std::string name = jit::mobile::operator_str(code_.op_names_[index]);
    const bool counted = instruction.op == jit::OPN;
    if (jit::mobile::hasPrimOpsFn(name)) {
      for (const PromotedOperator& promoted : kPromoted) {
        if (name != promoted.name) {
          continue;
        }
        if (promoted.takes == kMessage) {
          need(!counted);
          return raise_effect(at, index);
        }
        if (promoted.takes == kCounted) {
          need(counted && instruction.N >= 1);
          return {instruction.N, promoted.gives, promoted.ends};
        }
        need(!counted);
        return {promoted.takes, promoted.gives, promoted.ends};
      }
      fail_code(function_, "calls an operator that nothing is known about");
    }
    const auto known = jit::findOperatorFor(code_.op_names_[index]);
    if (known == nullptr) {
      fail_code(function_, "calls an operator that nothing is known about");
    }
    const c10::FunctionSchema& schema = known->schema();
    if (schema.is_varret()) {
      need(!counted && name == "prim::TupleUnpack");
      return unpack_effect(at);
    }
    const auto gives = static_cast<int64_t>(schema.returns().size());
    need(counted == schema.is_vararg());
    if (counted) {
      return {instruction.N, gives};
    }
    const auto declared = static_cast<int64_t>(schema.arguments().size());
    const int64_t given = code_.operator_input_sizes_[index];
    return {given < 0 ? declared : std::min(given, declared), gives};
  }

  // Bytecode before version 6 does not tell how many arguments there are. It was written when there
  // was one, or lowered from later bytecode, which has two: both lie on top of an empty stack.
  Effect raise_effect(size_t at, size_t index) {
    const int64_t given = code_.operator_input_sizes_[index];
    const int64_t takes = given < 0 ? std::min<int64_t>(depths_[at], 2) : given;
    need(takes == 1 || takes == 2);
    if (takes == 1) {
      replace(at, "prim::RaiseException", jit::raiseException);
    }
    return {takes, 0, true};
  }

  // Functions that stand in for operators of old models; they are LibTorch's own.
  Effect call_effect(int64_t index) {
    need(has(code_.functions_, index));
    const int64_t arguments =
        stored_first(code_.functions_[static_cast<size_t>(index)]->get_code());
    need(arguments > 0);
    return {arguments, 1};
  }

  // How many values come out is what the next instruction stores. Exporters let a single one on the
  // stack for whatever comes next.
  Effect unpack_effect(size_t at) {
    int64_t count = 1;
    if (at + 1 < code_.instructions_.size() && code_.instructions_[at + 1].op == jit::STOREN) {
      count = code_.instructions_[at + 1].N;
    }
    replace(at, "prim::TupleUnpack", [count](Stack& stack) {
      auto tuple = jit::pop(stack).toTuple();
      const auto items = tuple->elements().asArrayRef();
      if (items.size() != static_cast<size_t>(count)) {
        fail(BR_RUN_FAILED, "a tuple of another length was expected");
      }
      stack.insert(stack.end(), items.begin(), items.end());
    });
    return {1, count};
  }

  void ask_for_attribute(size_t at, int64_t slot) {
    need(slot >= 0);
    replace(at, "prim::GetAttr", [slot](Stack& stack) {
      const auto object = jit::pop(stack).toObject();
      const auto& slots = object->slots();
      if (static_cast<size_t>(slot) >= slots.size()) {
        fail(BR_RUN_FAILED, "an object has not the attribute that was asked for");
      }
      stack.push_back(slots[static_cast<size_t>(slot)]);
    });
  }

  // Let an operator of this function's own do what the instruction did.
  void replace(size_t at, const char* name, std::function<void(Stack&)> run) {
    Instruction& instruction = code_.instructions_[at];
    instruction = Instruction(jit::OP, static_cast<int32_t>(code_.operators_.size()), 0);
    code_.operators_.push_back(std::move(run));
    code_.op_names_.emplace_back(name, "");
    code_.operator_input_sizes_.push_back(-1);
  }

  // The type at `index`, with at least as many types inside as are asked for.
  void type_of(int64_t index, size_t inside) {
    need(has(code_.types_, index));
    const auto& type = code_.types_[static_cast<size_t>(index)];
    need(type != nullptr && (inside == 0 || type->kind() != c10::TypeKind::ClassType));
    need(inside == 0 || type->containedTypeSize() >= inside);
  }

  void registers(int64_t first, int64_t count) {
    const auto all = static_cast<int64_t>(code_.register_size_);
    need(first >= 1 && first + count - 1 <= all);
  }

  template <class Table>
  static bool has(const Table& table, int64_t index) {
    return index >= 0 && index < static_cast<int64_t>(table.size());
  }

  void need(bool holds) {
    if (!holds) {
      fail_code(function_, "has an impossible operand");
    }
  }

  static constexpr int64_t kMaxAttributes = 1 << 16;

  Function& function_;
  Code& code_;
  std::vector<Step> steps_;
  std::vector<int64_t> depths_;
  std::vector<size_t> pending_;
};

} // namespace

size_t count_arguments(const Function& function) {
  return function.hasSchema() ? function.getSchema().arguments().size()
                              : static_cast<size_t>(stored_first(function.get_code()));
}

std::vector<Step> check_code(Function& function) {
  return Checker(function).check();
}

} // namespace build_runtime
