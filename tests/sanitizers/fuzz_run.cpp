// A libFuzzer target for br_module_run: forged arguments into methods of models.
//
// An input is a line with the name of a target, a value file with the tuple of arguments, and a
// byte for each tensor that says how it lies in memory. The mutator keeps to that form: it changes
// values, shapes, dtypes and strides, and none of the structure that the interface refuses anyway.
//
// FUZZ_TARGETS names a file with a line for each target: its name, the file of the model and the
// method, separated by tabs. A model is loaded when it is first asked for.
#include <build_runtime.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

// ---- Values: see builder/vocabulary/value_files.py

enum Tag : uint8_t {
  None = 0,
  Bool = 1,
  Int = 2,
  Float = 3,
  Str = 4,
  Tensor = 5,
  List = 6,
  Tuple = 7,
  Dict = 8,
  Complex = 10
};

struct Node {
  uint8_t tag = None;
  std::vector<uint8_t> data; // a number, a text, or the elements of a tensor
  uint8_t dtype = 0;
  std::vector<int64_t> shape;
  std::vector<Node> items; // of a dict: keys and values in turn
};

struct Input {
  std::string name;
  Node arguments;
  std::vector<uint8_t> layouts;
};

constexpr std::array<uint8_t, 8> kHeader = {'B', 'R', 'V', 'F', 1, 0, 0, 0};
constexpr std::array<size_t, 16> kItemSizes = {1, 1, 2, 4, 8, 2, 4, 8, 0, 8, 16, 1, 0, 0, 0, 2};
constexpr std::array<uint8_t, 12> kDtypes = {0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 15};
constexpr size_t kMostBytes = 1 << 16; // of a tensor: kernels meet more than they can vectorise
constexpr size_t kMostRank = 8;
constexpr int kMostDepth = 8;
constexpr size_t kMostItems = 64;

class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  std::optional<Input> input() {
    const uint8_t* line = std::find(at_, end_, '\n');
    if (line == end_) {
      return std::nullopt;
    }
    Input made;
    made.name.assign(at_, line);
    at_ = line + 1;
    const std::vector<uint8_t> header = bytes(kHeader.size());
    if (!std::equal(header.begin(), header.end(), kHeader.begin(), kHeader.end())) {
      return std::nullopt;
    }
    made.arguments = node(0);
    made.layouts.assign(at_, end_);
    return failed_ || made.arguments.tag != Tuple ? std::nullopt : std::optional(made);
  }

 private:
  std::vector<uint8_t> bytes(size_t size) {
    if (failed_ || size > static_cast<size_t>(end_ - at_)) {
      failed_ = true;
      return {};
    }
    at_ += size;
    return {at_ - size, at_};
  }

  uint64_t number(size_t size) {
    uint64_t value = 0;
    int shift = 0;
    for (const uint8_t byte : bytes(size)) {
      value |= static_cast<uint64_t>(byte) << shift;
      shift += 8;
    }
    return value;
  }

  void tensor(Node& made) {
    made.dtype = static_cast<uint8_t>(number(1));
    const uint64_t rank = number(1);
    size_t size = made.dtype < kItemSizes.size() ? kItemSizes[made.dtype] : 0;
    failed_ = failed_ || size == 0 || rank > kMostRank;
    for (uint64_t i = 0; !failed_ && i < rank; ++i) {
      const uint64_t extent = number(8);
      failed_ = failed_ || extent > kMostBytes || (size *= extent) > kMostBytes;
      made.shape.push_back(static_cast<int64_t>(extent));
    }
    made.data = bytes(size);
  }

  Node node(int depth) {
    Node made;
    made.tag = static_cast<uint8_t>(number(1));
    failed_ = failed_ || depth > kMostDepth;
    switch (made.tag) {
      case None:
        break;
      case Bool:
        made.data = bytes(1);
        failed_ = failed_ || made.data[0] > 1;
        break;
      case Int:
      case Float:
        made.data = bytes(8);
        break;
      case Complex:
        made.data = bytes(16);
        break;
      case Str:
        made.data = bytes(number(4));
        break;
      case Tensor:
        tensor(made);
        break;
      case List:
      case Tuple:
      case Dict: {
        const uint64_t count = number(4) * (made.tag == Dict ? 2 : 1);
        for (uint64_t i = 0; !failed_ && i < count; ++i) {
          made.items.push_back(node(depth + 1));
        }
        break;
      }
      default:
        failed_ = true;
    }
    return made;
  }

  const uint8_t* at_;
  const uint8_t* end_;
  bool failed_ = false;
};

void put(std::vector<uint8_t>& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
}

void write(std::vector<uint8_t>& out, const Node& node) {
  out.push_back(node.tag);
  if (node.tag == Str) {
    put(out, node.data.size(), 4);
  } else if (node.tag == Tensor) {
    out.push_back(node.dtype);
    put(out, node.shape.size(), 1);
    for (const int64_t extent : node.shape) {
      put(out, static_cast<uint64_t>(extent), 8);
    }
  } else if (node.tag == List || node.tag == Tuple || node.tag == Dict) {
    put(out, node.items.size() / (node.tag == Dict ? 2 : 1), 4);
  }
  out.insert(out.end(), node.data.begin(), node.data.end());
  for (const Node& item : node.items) {
    write(out, item);
  }
}

std::vector<uint8_t> written(const Input& input) {
  std::vector<uint8_t> out(input.name.begin(), input.name.end());
  out.push_back('\n');
  out.insert(out.end(), kHeader.begin(), kHeader.end());
  write(out, input.arguments);
  out.insert(out.end(), input.layouts.begin(), input.layouts.end());
  return out;
}

// ---- Mutations

constexpr std::array<int64_t, 20> kEdges = {0,
                                            1,
                                            -1,
                                            2,
                                            3,
                                            -2,
                                            64,
                                            255,
                                            65536,
                                            INT64_C(1) << 31,
                                            (INT64_C(1) << 31) - 1,
                                            -(INT64_C(1) << 31),
                                            INT64_C(1) << 32,
                                            INT64_C(1) << 33,
                                            INT64_C(1) << 53,
                                            INT64_C(1) << 61,
                                            INT64_C(1) << 62,
                                            INT64_C(1) << 63 >> 1,
                                            std::numeric_limits<int64_t>::max(),
                                            std::numeric_limits<int64_t>::min()};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array<double, 14> kReals = {0.0,          -0.0,
                                           0.5,          -1.5,
                                           1e-45,        1e38,
                                           1e308,        kInfinity,
                                           -kInfinity,   1.0,
                                           -1.0,         1e300,
                                           4294967296.0, std::numeric_limits<double>::quiet_NaN()};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  void mutate(Input& input) {
    nodes_.clear();
    collect(input.arguments);
    if (nodes_.empty() || below(8) == 0) {
      input.layouts.resize(below(8));
      for (uint8_t& layout : input.layouts) {
        layout = static_cast<uint8_t>(below(6));
      }
      return;
    }
    for (size_t left = 1 + below(3); left > 0; --left) {
      change(*nodes_[below(nodes_.size())]);
      nodes_.clear();
      collect(input.arguments);
    }
  }

 private:
  size_t below(size_t limit) { return random_() % limit; }

  template <class Values>
  auto any(const Values& values) {
    return values[below(values.size())];
  }

  void collect(Node& node) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      if (node.tag != Dict || i % 2 == 1) { // keys stay
        nodes_.push_back(&node.items[i]);
        collect(node.items[i]);
      }
    }
  }

  void change(Node& node) {
    if (below(24) == 0) { // an argument is left out, or is what another one is
      node = below(2) == 0 ? Node() : Node(*nodes_[below(nodes_.size())]);
      return;
    }
    switch (node.tag) {
      case None:
        node = Node(*nodes_[below(nodes_.size())]);
        break;
      case Bool:
        node.data[0] ^= 1;
        break;
      case Int:
        set(node, integer(get<int64_t>(node)));
        break;
      case Float:
        set(node, below(2) == 0 ? any(kReals) : get<double>(node) * (below(2) == 0 ? -1.0 : 3.0));
        break;
      case Complex:
        random_bytes(node.data, node.data.size());
        break;
      case Str:
        text(node);
        break;
      case Tensor:
        tensor(node);
        break;
      case List:
        list(node);
        break;
      default:
        break;
    }
  }

  template <class T>
  static T get(const Node& node) {
    T value;
    std::memcpy(&value, node.data.data(), sizeof(value));
    return value;
  }

  template <class T>
  static void set(Node& node, T value) {
    std::memcpy(node.data.data(), &value, sizeof(value));
  }

  int64_t integer(int64_t before) {
    switch (below(4)) {
      case 0:
        return any(kEdges);
      case 1: {
        const Node& other = *nodes_[below(nodes_.size())];
        if (other.tag == Tensor && !other.shape.empty()) {
          return any(other.shape) + static_cast<int64_t>(below(3)) - 1;
        }
        return static_cast<int64_t>(below(8)) - 4;
      }
      case 2:
        return static_cast<int64_t>(static_cast<uint64_t>(before) + below(7) - 3);
      default:
        return static_cast<int64_t>(static_cast<uint64_t>(any(kEdges)) + below(7) - 3);
    }
  }

  void random_bytes(std::vector<uint8_t>& data, size_t size) {
    data.resize(size);
    for (uint8_t& byte : data) {
      byte = static_cast<uint8_t>(below(256));
    }
  }

  static void text(Node& node) {
    std::vector<uint8_t> data = node.data;
    data.resize(data.size() + 8);
    data.resize(LLVMFuzzerMutate(data.data(), node.data.size(), data.size()));
    for (uint8_t& letter : data) { // valid UTF-8
      letter &= 0x7f;
    }
    node.data = data;
  }

  void list(Node& node) {
    if (node.items.empty()) {
      Node made;
      made.tag = Int;
      made.data.resize(8);
      node.items.push_back(below(2) == 0 ? *nodes_[below(nodes_.size())] : made);
    } else if (below(2) == 0 && node.items.size() < kMostItems) {
      const Node again = any(node.items);
      node.items.insert(node.items.begin() + static_cast<int>(below(node.items.size())), again);
    } else if (below(4) == 0) {
      node.items.clear();
    } else {
      node.items.erase(node.items.begin() + static_cast<int>(below(node.items.size())));
    }
  }

  void tensor(Node& node) {
    switch (below(5)) {
      case 0:
        node.dtype = any(kDtypes);
        break;
      case 1: { // as another tensor, for what broadcasts or has to fit
        const Node& other = *nodes_[below(nodes_.size())];
        if (other.tag == Tensor) {
          node.shape = other.shape;
          node.dtype = below(2) == 0 ? other.dtype : node.dtype;
        }
        break;
      }
      case 2:
        if (below(2) == 0 && node.shape.size() < kMostRank) {
          const auto at = static_cast<int>(below(node.shape.size() + 1));
          node.shape.insert(node.shape.begin() + at, static_cast<int64_t>(below(3)));
        } else if (!node.shape.empty()) {
          node.shape.erase(node.shape.begin() + static_cast<int>(below(node.shape.size())));
        }
        break;
      case 3:
        if (!node.shape.empty()) {
          int64_t& extent = node.shape[below(node.shape.size())];
          constexpr std::array<int64_t, 7> kExtents = {0, 1, 2, 7, 17, 64, 300};
          const int64_t near = std::max<int64_t>(0, extent + static_cast<int64_t>(below(3)) - 1);
          extent = below(2) == 0 ? near : any(kExtents);
        }
        break;
      default:
        elements(node);
        return;
    }
    fit(node);
  }

  void elements(Node& node) {
    const size_t item = kItemSizes[node.dtype];
    switch (below(3)) {
      case 0:
        random_bytes(node.data, node.data.size());
        break;
      case 1: // one number everywhere, which an index or a length may be
        if (!node.data.empty()) {
          const int64_t edge = integer(0);
          for (size_t i = 0; i < node.data.size(); ++i) {
            const size_t byte = i % item;
            node.data[i] = byte < 8 ? static_cast<uint8_t>(edge >> (8 * byte)) : 0;
          }
        }
        break;
      default:
        if (!node.data.empty()) {
          const size_t at = below(node.data.size() / item) * item;
          const int64_t number = integer(0);
          std::memcpy(&node.data[at], &number, std::min<size_t>(item, 8));
        }
    }
    fit(node);
  }

  // Bring the data to the size that shape and dtype ask for.
  static void fit(Node& node) {
    const size_t item = kItemSizes[node.dtype];
    size_t size = item;
    for (int64_t& extent : node.shape) {
      if (size != 0 && static_cast<size_t>(extent) > kMostBytes / size) {
        extent = static_cast<int64_t>(kMostBytes / size);
      }
      size *= static_cast<size_t>(extent);
    }
    const std::vector<uint8_t> before = node.data.empty() ? std::vector<uint8_t>(1) : node.data;
    node.data.resize(size);
    for (size_t i = before.size(); i < size; ++i) {
      node.data[i] = before[i % before.size()];
    }
    if (node.dtype == BR_BOOL) { // other bytes are no bool to C++ itself
      for (uint8_t& byte : node.data) {
        byte &= 1;
      }
    }
  }

  std::minstd_rand random_;
  std::vector<Node*> nodes_;
};

// ---- Running

void must(br_status status, const br_error* error, const char* what) {
  if (status != BR_OK) {
    std::fprintf(stderr, "%s: %s\n", what, br_error_message(error));
    std::abort();
  }
}

struct FreeValue {
  void operator()(br_value* value) const { br_value_free(value); }
};
using Value = std::unique_ptr<br_value, FreeValue>;

Value owned(br_status status, br_value* value) {
  return Value(status == BR_OK ? value : nullptr);
}

// Strides for a layout: row-major, column-major, one row for all, with gaps, channels last.
std::vector<int64_t> strides_of(const std::vector<int64_t>& shape, uint8_t layout) {
  std::vector<size_t> order(shape.size()); // from the outermost dimension to the innermost
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  if (layout == 1) {
    std::reverse(order.begin(), order.end());
  } else if (layout == 4 && order.size() > 2) {
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  }
  std::vector<int64_t> strides(shape.size());
  int64_t stride = layout == 3 ? 2 : 1;
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    strides[*at] = layout == 2 && *at == 0 ? 0 : stride;
    stride *= std::max<int64_t>(shape[*at], 1);
  }
  return strides;
}

// A tensor over memory that ends where its last element does.
Value make_tensor(const Node& node, uint8_t layout) {
  const auto dtype = static_cast<br_dtype>(node.dtype);
  br_value* made = nullptr;
  if (layout == 0 || node.data.empty()) {
    return owned(br_value_tensor_copy(dtype, node.shape.size(), node.shape.data(), node.data.data(),
                                      node.data.size(), &made, nullptr),
                 made);
  }
  const std::vector<int64_t> strides = strides_of(node.shape, layout);
  int64_t last = 0;
  for (size_t i = 0; i < strides.size(); ++i) {
    last += strides[i] * (node.shape[i] - 1);
  }
  const size_t size = (static_cast<size_t>(last) + 1) * kItemSizes[node.dtype];
  auto* memory = static_cast<uint8_t*>(std::malloc(size));
  for (size_t i = 0; i < size; ++i) {
    memory[i] = node.data[i % node.data.size()];
  }
  const br_status status =
      br_value_tensor_borrow(dtype, node.shape.size(), node.shape.data(), strides.data(), memory,
                             std::free, memory, &made, nullptr);
  if (status != BR_OK) {
    std::free(memory);
  }
  return owned(status, made);
}

class Maker {
 public:
  explicit Maker(const std::vector<uint8_t>& layouts) : layouts_(layouts) {}

  // NULL for what the interface refuses.
  Value make(const Node& node) {
    br_value* made = nullptr;
    double real = 0;
    double imaginary = 0;
    int64_t integer = 0;
    switch (node.tag) {
      case Bool:
        return owned(br_value_new_bool(node.data[0], &made, nullptr), made);
      case Int:
        std::memcpy(&integer, node.data.data(), sizeof(integer));
        return owned(br_value_new_int(integer, &made, nullptr), made);
      case Float:
        std::memcpy(&real, node.data.data(), sizeof(real));
        return owned(br_value_new_double(real, &made, nullptr), made);
      case Complex:
        std::memcpy(&real, node.data.data(), sizeof(real));
        std::memcpy(&imaginary, node.data.data() + sizeof(real), sizeof(imaginary));
        return owned(br_value_new_complex(real, imaginary, &made, nullptr), made);
      case Str:
        return owned(br_value_new_string(reinterpret_cast<const char*>(node.data.data()),
                                         node.data.size(), &made, nullptr),
                     made);
      case Tensor:
        return make_tensor(node, tensors_ < layouts_.size() ? layouts_[tensors_++] : 0);
      case List:
      case Tuple:
      case Dict:
        return container(node);
      default:
        return owned(br_value_new_none(&made, nullptr), made);
    }
  }

 private:
  Value container(const Node& node) {
    std::vector<Value> kept;
    std::vector<const br_value*> keys;
    std::vector<const br_value*> items;
    for (size_t i = 0; i < node.items.size(); ++i) {
      kept.push_back(make(node.items[i]));
      if (kept.back() == nullptr) {
        return nullptr;
      }
      (node.tag == Dict && i % 2 == 0 ? keys : items).push_back(kept.back().get());
    }
    br_value* made = nullptr;
    const auto create = node.tag == List ? br_value_new_list : br_value_new_tuple;
    const br_status status = node.tag == Dict ? br_value_new_dict(keys.data(), items.data(),
                                                                  items.size(), &made, nullptr)
                                              : create(items.data(), items.size(), &made, nullptr);
    return owned(status, made);
  }

  const std::vector<uint8_t>& layouts_;
  size_t tensors_ = 0;
};

struct Target {
  std::string path;
  std::string method;
};

std::map<std::string, Target> targets;
std::map<std::string, br_module*> modules;

br_module* module_of(const std::string& path) {
  br_module*& module = modules[path];
  if (module == nullptr) {
    br_error* error = nullptr;
    must(br_module_load_file(path.c_str(), &module, &error), error, path.c_str());
    const auto ignore = [](void* /*context*/, const char* /*text*/) {};
    must(br_module_on_warning(module, ignore, nullptr, &error), error, path.c_str());
  }
  return module;
}

// Read all of a result: what an operator answers with has to lie in memory.
void read_all(const br_value* value) {
  br_tensor tensor;
  if (br_value_tensor(value, &tensor, nullptr) == BR_OK) {
    if (tensor.element_count <= kMostBytes) {
      std::vector<uint8_t> copy(tensor.element_count * tensor.element_size);
      br_value_tensor_read(value, copy.data(), copy.size(), nullptr);
    }
    return;
  }
  const size_t count = br_value_size(value);
  std::vector<br_value*> items(count);
  if (count != 0 && count <= kMostBytes &&
      br_value_entries(value, nullptr, items.data(), nullptr) == BR_OK) {
    for (br_value* item : items) {
      read_all(item);
      br_value_free(item);
    }
  }
}

void run(const Target& target, const Input& input) {
  Maker maker(input.layouts);
  std::vector<Value> kept;
  std::vector<const br_value*> arguments;
  for (const Node& item : input.arguments.items) {
    kept.push_back(maker.make(item));
    if (kept.back() == nullptr) {
      return;
    }
    arguments.push_back(kept.back().get());
  }
  br_value* result = nullptr;
  br_error* error = nullptr;
  const br_status status = br_module_run(module_of(target.path), target.method.c_str(),
                                         arguments.data(), arguments.size(), &result, &error);
  if (status == BR_OK) {
    read_all(result);
    br_value_free(result);
  } else if (br_error_status(error) != status ||
             (br_error_message(error)[0] == '\0' && status != BR_MODEL_RAISED)) {
    std::fputs("an error without status or text\n", stderr);
    std::abort();
  }
  br_error_free(error);
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* listed = std::getenv("FUZZ_TARGETS");
  std::ifstream lines(listed == nullptr ? "" : listed);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream parts(line);
    std::string name;
    Target target;
    std::getline(parts, name, '\t');
    std::getline(parts, target.path, '\t');
    std::getline(parts, target.method, '\t');
    targets[name] = target;
  }
  if (targets.empty()) {
    std::fputs("FUZZ_TARGETS names no target\n", stderr);
    std::abort();
  }
  br_error* error = nullptr;
  must(br_set_thread_count(1, &error), error, "threads");
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  std::optional<Input> input = Reader(data, size).input();
  if (!input) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  Mutator(seed).mutate(*input);
  const std::vector<uint8_t> out = written(*input);
  if (out.size() > max_size) {
    return size;
  }
  std::memcpy(data, out.data(), out.size());
  return out.size();
}

// Inputs of another form, or of targets that are not here, are not kept.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::optional<Input> input = Reader(data, size).input();
  if (!input) {
    return -1;
  }
  const auto target = targets.find(input->name);
  if (target == targets.end()) {
    return -1;
  }
  run(target->second, *input);
  return 0;
}
