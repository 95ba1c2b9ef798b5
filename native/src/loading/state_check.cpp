// Note [Methods that keep state]
// A module may be run by several threads at once as long as no run writes what another reads. What
// a run makes itself is its own, also when it is written in place: `relu_` of what a convolution
// returned. So of each value that is written this asks where it comes from, back on every way that
// leads there, through registers and operators that hand on their argument, to the instructions
// that may have made it. It never guesses: a value that is not seen to be new may be an attribute,
// and then the method keeps state. The caller's own arguments are the caller's to share.
#include "loading/archive.h"
#include "registry/registration.h"

#include <torch/csrc/jit/mobile/function.h>
#include <torch/csrc/jit/runtime/instruction.h>

#include <algorithm>
#include <unordered_set>

namespace build_runtime {
namespace {

namespace jit = torch::jit;
using jit::Instruction;
using jit::mobile::Code;
using jit::mobile::Function;

// What an operator that the generated table does not list does: it only reads, and what it returns
// may be what it was given.
constexpr char kReads = '\0';

constexpr int64_t kSelf = 0;

char memory_use(const std::string& name) {
  size_t count = 0;
  const char* const* uses = memory_uses(&count);
  const char* const* found = std::lower_bound(
      uses, uses + count, name,
      [](const char* use, const std::string& wanted) { return wanted.compare(use + 1) > 0; });
  return found != uses + count && name == *found + 1 ? **found : kReads;
}

// Numbers by key, as small code as can be: keys are below the count it was made for.
class Lists {
 public:
  explicit Lists(size_t keys) : heads_(keys, kNone) {}

  void add(size_t key, int64_t value) {
    next_.push_back(heads_[key]);
    heads_[key] = static_cast<int64_t>(values_.size());
    keys_.push_back(static_cast<int64_t>(key));
    values_.push_back(value);
  }

  void clear() {
    for (const int64_t key : keys_) {
      heads_[static_cast<size_t>(key)] = kNone;
    }
    keys_.clear();
    next_.clear();
    values_.clear();
  }

  // Calls `visit` with the numbers of a key until it returns true; tells whether it did.
  template <class Visit>
  bool any(size_t key, Visit visit) const {
    for (int64_t i = heads_[key]; i != kNone; i = next_[static_cast<size_t>(i)]) {
      if (visit(values_[static_cast<size_t>(i)])) {
        return true;
      }
    }
    return false;
  }

 private:
  static constexpr int64_t kNone = -1;

  std::vector<int64_t> heads_;
  std::vector<int64_t> next_;
  std::vector<int64_t> keys_;
  std::vector<int64_t> values_;
};

class Writes {
 public:
  // `called`: other functions call it, which may hand it what they like.
  Writes(const Function& function, const std::vector<Step>& steps, bool called)
      : code_(function.get_code()),
        steps_(steps),
        called_(called),
        stores_(code_.register_size_ + 1),
        jumps_(code_.instructions_.size()),
        seen_(code_.instructions_.size()) {
    for (const auto& name : code_.op_names_) {
      uses_.push_back(memory_use(jit::mobile::operator_str(name)));
    }
    for (size_t at = 0; at < code_.instructions_.size(); ++at) {
      if (steps_[at].lowest >= 0) {
        note(at);
      }
    }
  }

  bool may_keep() {
    for (size_t at = 0; at < code_.instructions_.size(); ++at) {
      if (steps_[at].lowest >= 0 && may_keep(at)) {
        return true;
      }
    }
    return false;
  }

 private:
  // Instructions looked at for one function: generous for exporters, soon over for a forged one.
  static constexpr int64_t kPatience = 1 << 20;

  // The value at a place of the stack before an instruction.
  struct Value {
    size_t at;
    int64_t place;
  };

  // What is asked of all instructions that may have made a value.
  enum class Wanted { kNew, kFalse };

  void note(size_t at) {
    const Instruction& instruction = code_.instructions_[at];
    switch (instruction.op) {
      case jit::STORE:
      case jit::STOREN:
        for (int64_t i = 0; i < (instruction.op == jit::STORE ? 1 : instruction.N); ++i) {
          stores_.add(static_cast<size_t>(instruction.X + i), static_cast<int64_t>(at));
        }
        break;
      case jit::JMP:
      case jit::JF:
      case jit::LOOP:
        jumps_.add(at + static_cast<size_t>(instruction.X), static_cast<int64_t>(at));
        break;
      default:
        break;
    }
  }

  bool may_keep(size_t at) {
    const Instruction& instruction = code_.instructions_[at];
    const int64_t lowest = steps_[at].lowest;
    if (instruction.op == jit::SET_ATTR) {
      return !holds({at, lowest}, Wanted::kNew);
    }
    if (instruction.op != jit::OP && instruction.op != jit::OPN) {
      return false;
    }
    const char use = uses_[static_cast<size_t>(instruction.X)];
    if (is_number(use)) {
      const int argument = use - '0';
      const int given = code_.operator_input_sizes_[static_cast<size_t>(instruction.X)];
      return (given >= 0 && argument >= given) || !holds({at, lowest + argument}, Wanted::kFalse);
    }
    return use == memory::kWritesOthers ||
           (use == memory::kWrites && !holds({at, lowest}, Wanted::kNew));
  }

  static bool is_number(char use) { return use >= '0' && use <= '9'; }

  // Whether all that may have made a value are as wanted.
  bool holds(Value value, Wanted wanted) {
    pending_.assign(1, value);
    seen_.clear();
    while (!pending_.empty()) {
      const Value next = pending_.back();
      pending_.pop_back();
      if (++looked_at_ > kPatience || !comes_from(next, wanted)) {
        return false;
      }
    }
    return looked_at_ <= kPatience;
  }

  // Go one step back on every way that leads to an instruction. A way that was taken before adds
  // nothing: what goes round a loop was made before it.
  bool comes_from(Value value, Wanted wanted) {
    const size_t at = value.at;
    const int64_t place = value.place;
    const auto known = [&](int64_t seen) { return ++looked_at_ > kPatience || seen == place; };
    if (seen_.any(at, known)) {
      return true;
    }
    seen_.add(at, place);
    jumps_.any(at, [&](int64_t jump) {
      const auto from = static_cast<size_t>(jump);
      // a loop that ends takes its count, limit and condition from below what it carries
      const bool carried =
          code_.instructions_[from].op == jit::LOOP && place >= steps_[from].lowest;
      pending_.push_back({from, carried ? place + 3 : place});
      return ++looked_at_ > kPatience;
    });
    if (at == 0) {
      return wanted == Wanted::kNew && !called_ && place != kSelf;
    }
    const Step& before = steps_[at - 1];
    if (before.lowest < 0 || before.ends) {
      return true;
    }
    if (before.lowest <= place) {
      return made_by(at - 1, place, wanted);
    }
    pending_.push_back({at - 1, place});
    return true;
  }

  bool made_by(size_t at, int64_t place, Wanted wanted) {
    const Instruction& maker = code_.instructions_[at];
    const int64_t lowest = steps_[at].lowest;
    switch (maker.op) {
      case jit::LOAD:
      case jit::MOVE: {
        bool stored = false;
        stores_.any(static_cast<size_t>(maker.X), [&](int64_t store) {
          const auto from = static_cast<size_t>(store);
          const int64_t first = code_.instructions_[from].X;
          pending_.push_back({from, steps_[from].lowest + maker.X - first});
          stored = true;
          return ++looked_at_ > kPatience;
        });
        return stored;
      }
      case jit::LOOP:
        pending_.push_back({at, place});
        return place >= lowest + 3;
      case jit::LOADC: {
        const auto& constant = code_.constants_[static_cast<size_t>(maker.X)];
        return wanted == Wanted::kFalse && constant.isBool() && !constant.toBool();
      }
      case jit::LIST_CONSTRUCT:
      case jit::DICT_CONSTRUCT:
      case jit::CREATE_OBJECT:
        return wanted == Wanted::kNew;
      case jit::OP:
      case jit::OPN:
        break;
      default:
        return false;
    }
    const char use = uses_[static_cast<size_t>(maker.X)];
    if (use == memory::kHandsOn || use == memory::kWrites) {
      pending_.push_back({at, lowest}); // it returns its first argument, or a view of it
    } else if (use != memory::kNew && !is_number(use)) {
      return false;
    }
    return wanted == Wanted::kNew;
  }

  const Code& code_;
  const std::vector<Step>& steps_;
  const bool called_;
  std::vector<char> uses_;
  Lists stores_; // instructions by the register they store to
  Lists jumps_;  // instructions by where they jump to
  Lists seen_;   // places of the stack by instruction
  std::vector<Value> pending_;
  int64_t looked_at_ = 0;
};

} // namespace

std::vector<bool> find_state_keepers(const jit::mobile::CompilationUnit& functions,
                                     const std::vector<std::vector<Step>>& steps) {
  // Calls through an interface name a method of whichever class.
  std::unordered_set<std::string> called;
  std::vector<bool> calls;
  for (const auto& function : functions.methods()) {
    const Code& code = function->get_code();
    calls.push_back(false);
    for (const Instruction& instruction : code.instructions_) {
      if (instruction.op == jit::INTERFACE_CALL) {
        called.insert(code.constants_[static_cast<size_t>(instruction.X)].toStringRef());
        calls.back() = true;
      }
    }
  }
  std::vector<bool> keepers;
  bool callee_keeps = false;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Function& function = *functions.methods()[i];
    keepers.push_back(Writes(function, steps[i], /*called=*/false).may_keep());
    callee_keeps |= called.count(function.name()) != 0 &&
                    Writes(function, steps[i], /*called=*/true).may_keep();
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    keepers[i] = keepers[i] || (calls[i] && callee_keeps);
  }
  return keepers;
}

} // namespace build_runtime
