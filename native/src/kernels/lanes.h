// Floats that are computed several at a time, with the instructions that every processor of an ABI
// has.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

// A processor without vectors of this size passes them in other ways. No function here is called
// from another object.
#pragma GCC diagnostic ignored "-Wpsabi"

#define LANES_INLINE __attribute__((always_inline))

namespace build_runtime {

// Several vectors: their instructions overlap.
constexpr int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using IntLanes = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));

// What is not a whole vector goes by way of memory. It is rare, so there is one copy of it.
[[gnu::noinline]] inline void gather(const char* from, int64_t stride, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i, from + i * stride, sizeof(float));
  }
}

[[gnu::noinline]] inline void scatter(const float* from, char* to, int64_t stride, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * stride, from + i, sizeof(float));
  }
}

// Reads `count` numbers, each `stride` bytes after the one before; the others are 0.
LANES_INLINE inline Lanes load_lanes(const char* from, int64_t stride, int64_t count) {
  Lanes lanes = {};
  if (count == kLanes && stride == sizeof(float)) {
    std::memcpy(&lanes, from, sizeof(lanes));
  } else {
    float numbers[kLanes] = {};
    gather(from, stride, count, numbers);
    std::memcpy(&lanes, numbers, sizeof(lanes));
  }
  return lanes;
}

LANES_INLINE inline void store_lanes(Lanes lanes, char* to, int64_t stride, int64_t count) {
  if (count == kLanes && stride == sizeof(float)) {
    std::memcpy(to, &lanes, sizeof(lanes));
  } else {
    float numbers[kLanes];
    std::memcpy(numbers, &lanes, sizeof(lanes));
    scatter(numbers, to, stride, count);
  }
}

// The same of numbers without gaps.
LANES_INLINE inline Lanes load(const float* from, int64_t count) {
  return load_lanes(reinterpret_cast<const char*>(from), sizeof(float), count);
}

LANES_INLINE inline void store(Lanes lanes, float* to, int64_t count) {
  store_lanes(lanes, reinterpret_cast<char*>(to), sizeof(float), count);
}

// e to the power of each number, to within two units in the last place. What is not a number stays.
//
// e^x = 2^n e^r, where n is the whole number nearest to x / ln 2, so that r is small enough for the
// first terms of Taylor's series.
LANES_INLINE inline Lanes exp_lanes(Lanes x) {
  constexpr float kMost = 89.0F;           // its power is infinite, as that of all larger ones
  constexpr float kLeast = -104.0F;        // and of this one 0
  constexpr float kRound = 0x1.8p23F;      // added to a number, it leaves no digit of the fraction
  constexpr float kPerLn2 = 1.44269504F;   // 1 / ln 2
  constexpr float kLn2High = 0x1.62e4p-1F; // so few digits that its products with n are exact
  constexpr float kLn2Low = 1.42860682e-6F;
  x = x > kMost ? Lanes{} + kMost : x;
  x = x < kLeast ? Lanes{} + kLeast : x;
  const Lanes n = (x * kPerLn2 + kRound) - kRound;
  const Lanes r = (x - n * kLn2High) - n * kLn2Low;
  Lanes sum = r * (1.0F / 5040) + 1.0F / 720;
  sum = sum * r + 1.0F / 120;
  sum = sum * r + 1.0F / 24;
  sum = sum * r + 1.0F / 6;
  sum = sum * r + 0.5F;
  sum = sum * r * r + r + 1.0F;
  // 2^n is no float where n is beyond its exponents: it is multiplied by in two steps
  constexpr int32_t kBias = 127;
  constexpr int32_t kExponent = 23;
  const IntLanes exponent = __builtin_convertvector(n, IntLanes);
  const IntLanes half = exponent >> 1;
  const IntLanes first = (half + kBias) << kExponent;
  const IntLanes second = (exponent - half + kBias) << kExponent;
  return sum * reinterpret_cast<Lanes>(first) * reinterpret_cast<Lanes>(second);
}

#if defined(__x86_64__) || defined(__i386__)

// False, too, where nothing is known of the processor: /proc/cpuinfo cannot be read everywhere.
bool has_avx2();

template <class Function>
[[gnu::noinline, gnu::target("avx2,fma")]] void run_avx2(const Function& function) {
  function();
}

#endif

// Calls a function, which is compiled a second time for processors that have AVX2 and FMA. It is
// worth it where much is computed of each number. Everything in it has to be inlined:
// `[&]() LANES_INLINE { ... }`.

template <class Function>
void run_lanes(const Function& function) {
#if defined(__x86_64__) || defined(__i386__)
  if (has_avx2()) {
    run_avx2(function);
    return;
  }
#endif
  function();
}

} // namespace build_runtime
