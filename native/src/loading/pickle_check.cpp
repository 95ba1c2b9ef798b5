// Note [Pickles of strangers]
// LibTorch's unpickler checks most of what it is told, but not all: a name that is not ended makes
// it read stale memory, a memo number or the length of a string makes it allocate what they claim
// (64 GB for ten bytes), and values nested deep enough end the process when they are freed.
// Everything it will read is followed here first, with values reduced to which container holds
// which; what then reaches it is a complete pickle that needs memory in proportion to its size.
#include "loading/archive.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace build_runtime {
namespace {

// Exporters nest one container or object per level of submodules, rarely beyond twenty.
constexpr uint32_t kMaxNesting = 500;

using Node = uint32_t;
constexpr Node kLeaf = 0; // a number, a string, a tensor's storage: holds nothing

[[noreturn]] void fail_pickle(const char* reason) {
  fail(BR_BAD_MODEL, std::string("the model is damaged: its pickled data ") + reason);
}

// Which value is held by which. A container may get new items after it was put into another one.
class Holdings {
 public:
  Node add() {
    first_.push_back(kNone);
    return static_cast<Node>(first_.size());
  }

  void hold(Node owner, Node item) {
    if (owner != kLeaf && item != kLeaf) {
      edges_.push_back({item, first_[owner - 1]});
      first_[owner - 1] = static_cast<uint32_t>(edges_.size() - 1);
    }
  }

  // Depth first, without recursion. Freeing a value frees what it holds, one call inside the other.
  void check_nesting() const {
    std::vector<uint32_t> height(first_.size(), 0); // 0: not seen, 1: on the path, else known
    struct Step {
      Node node;
      uint32_t edge;
      uint32_t highest;
    };
    std::vector<Step> path;
    for (Node root = 1; root <= first_.size(); ++root) {
      if (height[root - 1] == 0) {
        path.push_back({root, first_[root - 1], 1});
        height[root - 1] = 1;
      }
      while (!path.empty()) {
        Step& step = path.back();
        if (step.edge == kNone) {
          const uint32_t known = step.highest + 1;
          height[step.node - 1] = known;
          path.pop_back();
          if (known > kMaxNesting) {
            fail_pickle("is nested too deeply");
          }
          if (!path.empty()) {
            path.back().highest = std::max(path.back().highest, known);
          }
          continue;
        }
        const Edge& edge = edges_[step.edge];
        step.edge = edge.next;
        uint32_t& item = height[edge.item - 1];
        if (item == 1) {
          fail_pickle("contains itself");
        }
        if (item != 0) {
          step.highest = std::max(step.highest, item);
          continue;
        }
        item = 1;
        path.push_back({edge.item, first_[edge.item - 1], 1});
      }
    }
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Edge {
    Node item;
    uint32_t next;
  };

  std::vector<uint32_t> first_;
  std::vector<Edge> edges_;
};

class Checker {
 public:
  Checker(const char* data, size_t size) : data_(data), size_(size) {}

  void check() {
    if (*take(1) != '\x80' || *take(1) != 2) {
      fail_pickle("is no pickle of protocol 2");
    }
    while (step(*take(1))) {
    }
    holdings_.check_nesting();
  }

 private:
  const char* take(uint64_t count) {
    if (count > size_ - at_) {
      fail_pickle("ends early");
    }
    const char* start = data_ + at_;
    at_ += static_cast<size_t>(count);
    return start;
  }

  uint64_t number(size_t bytes) {
    const auto* digits = reinterpret_cast<const unsigned char*>(take(bytes));
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) {
      value = (value << 8) | digits[i];
    }
    return value;
  }

  std::string line() {
    const char* start = data_ + at_;
    const auto* end = static_cast<const char*>(std::memchr(start, '\n', size_ - at_));
    if (end == nullptr) {
      fail_pickle("ends early");
    }
    at_ += static_cast<size_t>(end - start) + 1;
    return std::string(start, end);
  }

  void push(Node value) { stack_.push_back(value); }

  // The values above the last mark, or above nothing, are all that may be taken.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Node pop() {
    if (stack_.size() <= floor()) {
      fail_pickle("lacks a value");
    }
    const Node value = stack_.back();
    stack_.pop_back();
    return value;
  }

  Node& top() {
    if (stack_.size() <= floor()) {
      fail_pickle("lacks a value");
    }
    return stack_.back();
  }

  size_t pop_mark() {
    if (marks_.empty()) {
      fail_pickle("lacks a mark");
    }
    const size_t mark = marks_.back();
    marks_.pop_back();
    return mark;
  }

  // Let `owner` hold everything above `start`, which is taken from the stack.
  void gather(Node owner, size_t start) {
    for (size_t i = start; i < stack_.size(); ++i) {
      holdings_.hold(owner, stack_[i]);
    }
    stack_.resize(start);
  }

  void push_tuple(size_t count) {
    const Node tuple = holdings_.add();
    for (size_t i = 0; i < count; ++i) {
      holdings_.hold(tuple, pop());
    }
    push(tuple);
  }

  void memorise(uint64_t id) {
    // each one put takes two bytes at least: exporters number them from 0
    if (id > size_) {
      fail_pickle("numbers a value impossibly");
    }
    if (id >= memo_.size()) {
      memo_.resize(static_cast<size_t>(id) + 1, kLeaf);
    }
    memo_[static_cast<size_t>(id)] = top();
  }

  void recall(uint64_t id) {
    if (id >= memo_.size()) {
      fail_pickle("refers to no value");
    }
    push(memo_[static_cast<size_t>(id)]);
  }

  // False at the end of the pickle.
  bool step(char code) {
    switch (code) {
      case '.': // STOP
        return false;
      case ']': // EMPTY_LIST
      case '}': // EMPTY_DICT
      case ')': // EMPTY_TUPLE
        push(holdings_.add());
        break;
      case 'N':    // NONE
      case '\x88': // NEWTRUE
      case '\x89': // NEWFALSE
        push(kLeaf);
        break;
      case 'K': // BININT1
        take(1);
        push(kLeaf);
        break;
      case 'M': // BININT2
        take(2);
        push(kLeaf);
        break;
      case 'J': // BININT
        take(4);
        push(kLeaf);
        break;
      case '\x8a': // LONG1
        take(number(1));
        push(kLeaf);
        break;
      case 'G': // BINFLOAT
        take(8);
        push(kLeaf);
        break;
      case 'X': // BINUNICODE
        take(number(4));
        push(kLeaf);
        break;
      case '\x8d': // BINUNICODE8
        take(number(8));
        push(kLeaf);
        break;
      case 'q': // BINPUT
        memorise(number(1));
        break;
      case 'r': // LONG_BINPUT
        memorise(number(4));
        break;
      case 'h': // BINGET
        recall(number(1));
        break;
      case 'j': // LONG_BINGET
        recall(number(4));
        break;
      case '(': // MARK
        marks_.push_back(stack_.size());
        break;
      case 't':   // TUPLE
      case 'l':   // LIST
      case 'd': { // DICT
        const Node made = holdings_.add();
        gather(made, pop_mark());
        push(made);
        break;
      }
      case '\x85': // TUPLE1
      case '\x86': // TUPLE2
      case '\x87': // TUPLE3
        push_tuple(static_cast<size_t>(static_cast<unsigned char>(code)) - 0x84);
        break;
      case 'a': { // APPEND
        const Node item = pop();
        holdings_.hold(top(), item);
        break;
      }
      case 's': { // SETITEM
        const Node item = pop();
        const Node key = pop();
        holdings_.hold(top(), item);
        holdings_.hold(top(), key);
        break;
      }
      case 'e':   // APPENDS
      case 'u': { // SETITEMS
        const size_t mark = pop_mark();
        if (mark <= floor()) {
          fail_pickle("lacks a value");
        }
        gather(stack_[mark - 1], mark);
        break;
      }
      case 'c': { // GLOBAL
        const std::string module = line();
        const std::string name = line();
        // it calls what was read next without asking whether anything was
        if (module == "torch._tensor" && name == "_rebuild_from_type_v2") {
          fail_pickle("holds a subclass of Tensor");
        }
        push(kLeaf);
        break;
      }
      case '\x81': // NEWOBJ
        pop();
        break;
      case 'R':   // REDUCE
      case 'b': { // BUILD
        const Node argument = pop();
        pop();
        const Node made = holdings_.add();
        holdings_.hold(made, argument);
        push(made);
        break;
      }
      case 'Q': // BINPERSID
        pop();
        push(kLeaf);
        break;
      default:
        fail_pickle("uses an instruction that models do not use");
    }
    return true;
  }

  const char* data_;
  size_t size_;
  size_t at_ = 0;
  std::vector<Node> stack_;
  std::vector<size_t> marks_;
  std::vector<Node> memo_;
  Holdings holdings_;
};

} // namespace

void check_pickle(const void* data, size_t size) {
  // every value, mark and edge takes a byte: all fit 32 bits
  if (data == nullptr || size >= UINT32_MAX) {
    fail_pickle("has an impossible size");
  }
  Checker(static_cast<const char*>(data), size).check();
}

} // namespace build_runtime
