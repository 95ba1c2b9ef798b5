// consume_cpp MODEL.ptl SIZE...: what consume_c does, from C++ with its own standard library and
// exceptions, loading the model from memory.
#include <build_runtime.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Free {
  void operator()(br_module* module) const { br_module_free(module); }
  void operator()(br_value* value) const { br_value_free(value); }
};
using Module = std::unique_ptr<br_module, Free>;
using Value = std::unique_ptr<br_value, Free>;

// Turns an error of the C interface into an exception.
class Check {
 public:
  Check() = default;
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;
  ~Check() { br_error_free(error_); }
  br_error** error() { return &error_; }
  void operator()(br_status status) const {
    if (status != BR_OK) {
      throw std::runtime_error(br_error_message(error_));
    }
  }

 private:
  br_error* error_ = nullptr;
};

Module load(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)),
                                std::istreambuf_iterator<char>());
  br_module* module = nullptr;
  Check check;
  check(br_module_load_memory(bytes.data(), bytes.size(), &module, check.error()));
  return Module(module);
}

void release(void* context) {
  delete static_cast<std::vector<float>*>(context);
}

// The tensor owns the vector: the last user of the memory deletes it.
Value ones(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (const int64_t size : shape) {
    count *= static_cast<size_t>(size);
  }
  std::unique_ptr<std::vector<float>> numbers(new std::vector<float>(count, 1.0F));
  br_value* value = nullptr;
  Check check;
  check(br_value_tensor_borrow(BR_FLOAT32, shape.size(), shape.data(), nullptr, numbers->data(),
                               release, numbers.get(), &value, check.error()));
  static_cast<void>(numbers.release());
  return Value(value);
}

Value run(const Module& module, const Value& input) {
  const br_value* arguments[] = {input.get()};
  br_value* result = nullptr;
  Check check;
  check(br_module_run(module.get(), "forward", arguments, 1, &result, check.error()));
  return Value(result);
}

void print(const Value& value) {
  br_tensor tensor;
  Check check;
  check(br_value_tensor(value.get(), &tensor, check.error()));
  std::vector<float> numbers(tensor.element_count);
  check(br_value_tensor_read(value.get(), numbers.data(), numbers.size() * sizeof(float),
                             check.error()));
  std::cout << "shape";
  for (size_t i = 0; i < tensor.rank; ++i) {
    std::cout << ' ' << tensor.shape[i];
  }
  std::cout << '\n';
  std::cout.precision(9);
  for (size_t i = 0; i < std::min<size_t>(numbers.size(), 5); ++i) {
    std::cout << (i == 0 ? "" : " ") << numbers[i];
  }
  std::cout << '\n';
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: consume_cpp MODEL.ptl SIZE...\n";
    return 2;
  }
  try {
    std::vector<int64_t> shape;
    for (int i = 2; i < argc; ++i) {
      shape.push_back(std::strtol(argv[i], nullptr, 10));
    }
    print(run(load(argv[1]), ones(shape)));
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
