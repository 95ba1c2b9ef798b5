package org.pytorch;

/** The two kinds of floats in 16 bits, for which Java has no type. */
final class Halves {
  private static final int FRACTION = 10; // bits of a float16, in front of which are 5 of exponent
  private static final float SMALLEST = 0x1p-24f;

  private Halves() {}

  static float[] widened(short[] bits, DType dtype) {
    final float[] floats = new float[bits.length];
    for (int i = 0; i < bits.length; i++) {
      floats[i] =
          dtype == DType.BFLOAT16 ? Float.intBitsToFloat(bits[i] << 16) : ofFloat16(bits[i]);
    }
    return floats;
  }

  private static float ofFloat16(short bits) {
    final int sign = bits & 0x8000;
    final int exponent = bits >> FRACTION & 0x1f;
    final int fraction = bits & 0x3ff;
    if (exponent == 0) {
      return (sign == 0 ? SMALLEST : -SMALLEST) * fraction;
    }
    final int wide = exponent == 0x1f ? 0xff : exponent - 15 + 127; // infinite, or no number
    return Float.intBitsToFloat(sign << 16 | wide << 23 | fraction << 23 - FRACTION);
  }
}
