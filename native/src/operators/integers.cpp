// Quotients of ints that do not exist: LibTorch divides by zero, or the least int by -1, which ends
// the process on x86 and gives some number on other processors. Python raises; so do these.
#include "registry/exported.h"

#include <ATen/core/ivalue.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace build_runtime {
namespace {

using c10::IValue;
using torch::jit::Stack;

struct Division {
  int64_t quotient;
  int64_t remainder;
};

void check_divisor(int64_t divisor) {
  if (divisor == 0) {
    throw std::runtime_error("ZeroDivisionError: integer division or modulo by zero");
  }
}

// As C++ divides: towards zero.
Division divide(int64_t a, int64_t b) {
  check_divisor(b);
  if (b == -1) {
    if (a == std::numeric_limits<int64_t>::min()) {
      throw std::runtime_error("OverflowError: the quotient does not fit an int");
    }
    return {-a, 0};
  }
  return {a / b, a % b};
}

// As Python divides: downwards, so that the remainder has the sign of the divisor.
Division divide_down(int64_t a, int64_t b) {
  Division made = divide(a, b);
  if (made.remainder != 0 && (made.remainder < 0) != (b < 0)) {
    made.quotient -= 1;
    made.remainder += b;
  }
  return made;
}

int64_t floordiv(int64_t a, int64_t b) {
  return divide_down(a, b).quotient;
}

double floordiv(double a, double b) {
  return std::floor(a / b);
}

int64_t modulo(int64_t a, int64_t b) {
  check_divisor(b);
  return b == -1 ? 0 : divide_down(a, b).remainder;
}

double modulo(double a, double b) {
  return std::fmod(b + std::fmod(a, b), b);
}

int64_t quotient(int64_t a, int64_t b) {
  return divide(a, b).quotient;
}

// Not negative, as Python's; that of the least int and itself does not fit.
int64_t greatest_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t left = b == -1 ? 0 : a % b;
    a = b;
    b = left;
  }
  if (a == std::numeric_limits<int64_t>::min()) {
    throw std::runtime_error("OverflowError: the divisor does not fit an int");
  }
  return std::abs(a);
}

template <int64_t (*Operation)(int64_t, int64_t)>
void of_ints(Stack& stack) {
  const int64_t b = torch::jit::pop(stack).toInt();
  const int64_t a = torch::jit::pop(stack).toInt();
  stack.emplace_back(Operation(a, b));
}

double as_double(const IValue& number) {
  return number.isDouble() ? number.toDouble() : static_cast<double>(number.toInt());
}

template <int64_t (*OfInts)(int64_t, int64_t), double (*OfDoubles)(double, double)>
void of_numbers(Stack& stack) {
  const IValue b = torch::jit::pop(stack);
  const IValue a = torch::jit::pop(stack);
  if (a.isInt() && b.isInt()) {
    stack.emplace_back(OfInts(a.toInt(), b.toInt()));
  } else {
    stack.emplace_back(OfDoubles(as_double(a), as_double(b)));
  }
}

void divmod(Stack& stack) {
  const int64_t b = torch::jit::pop(stack).toInt();
  const int64_t a = torch::jit::pop(stack).toInt();
  const Division made = divide_down(a, b);
  stack.emplace_back(made.quotient);
  stack.emplace_back(made.remainder);
}

} // namespace
} // namespace build_runtime

using namespace build_runtime;

// The operator's own name has two underscores.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
BR_OPERATOR(br_kernel_4aten_24__round_to_zero_floordiv_3int, &of_ints<&quotient>)
BR_OPERATOR(br_kernel_4aten_6divmod_3int, &divmod)
BR_OPERATOR(br_kernel_4aten_8floordiv_0, (&of_numbers<&floordiv, &floordiv>))
BR_OPERATOR(br_kernel_4aten_8floordiv_3int, &of_ints<&floordiv>)
BR_OPERATOR(br_kernel_4aten_3gcd_3int, &of_ints<&greatest_divisor>)
BR_OPERATOR(br_kernel_4aten_9remainder_0, (&of_numbers<&modulo, &modulo>))
BR_OPERATOR(br_kernel_4aten_9remainder_3int, &of_ints<&modulo>)
