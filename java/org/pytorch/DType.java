package org.pytorch;

/** Data types of the elements of a tensor. */
public enum DType {
  /** torch.uint8 */
  UINT8(0, 1, "uint8"),
  /** torch.int8 */
  INT8(1, 1, "int8"),
  /** torch.int32 */
  INT32(3, 4, "int32"),
  /** torch.float32 */
  FLOAT32(6, 4, "float32"),
  /** torch.int64 */
  INT64(4, 8, "int64"),
  /** torch.float64 */
  FLOAT64(7, 8, "float64"),
  /** torch.bool, a byte that is 0 or 1. */
  BOOL(11, 1, "bool"),
  /** torch.int16 */
  INT16(2, 2, "int16"),
  /** torch.float16, in Java the bits of it in a short. */
  FLOAT16(5, 2, "float16"),
  /** torch.bfloat16, in Java the bits of it in a short: the upper half of a float. */
  BFLOAT16(15, 2, "bfloat16"),
  /** torch.complex64, in Java two floats. */
  COMPLEX64(9, 8, "complex64"),
  /** torch.complex128, in Java two doubles. */
  COMPLEX128(10, 16, "complex128"),
  ;

  /** The number in build_runtime.h. */
  final int code;

  /** Bytes of an element. */
  final int size;

  /** How torch calls it. */
  final String torchName;

  DType(int code, int size, String torchName) {
    this.code = code;
    this.size = size;
    this.torchName = torchName;
  }

  /** Returns how many numbers of Java an element is. */
  int numbers() {
    return this == COMPLEX64 || this == COMPLEX128 ? 2 : 1;
  }

  static DType of(int code) {
    for (DType each : values()) {
      if (each.code == code) {
        return each;
      }
    }
    throw new IllegalArgumentException(
        "Tensors of this dtype have no place in Java (number " + code + " of build_runtime.h)");
  }
}
