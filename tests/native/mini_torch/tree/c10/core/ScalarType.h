// The dtypes, in the order that value files number them.
#pragma once

namespace c10 {

enum class ScalarType : unsigned char {
  Byte,
  Char,
  Short,
  Int,
  Long,
  Half,
  Float,
  Double,
  ComplexHalf,
  ComplexFloat,
  ComplexDouble,
  Bool,
  QInt8,
  QUInt8,
  QInt32,
  BFloat16
};

} // namespace c10

namespace at {
using c10::ScalarType;
} // namespace at
