package org.pytorch.torchvision;

import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.Locale;
import org.pytorch.MemoryFormat;
import org.pytorch.Tensor;

/** Where the elements of an image go: three channels within a buffer. */
final class Target {
  static final int CHANNELS = 3;

  final FloatBuffer buffer;
  final int offset;
  final int width;
  final int height;
  private final MemoryFormat memoryFormat;

  private Target(
      FloatBuffer buffer, int offset, int width, int height, MemoryFormat memoryFormat) {
    this.buffer = buffer;
    this.offset = offset;
    this.width = width;
    this.height = height;
    this.memoryFormat = memoryFormat;
  }

  /** Takes part of a buffer. Its position and limit mean nothing. */
  static Target of(
      FloatBuffer buffer, int offset, int width, int height, MemoryFormat memoryFormat) {
    Arguments.checkNotNull(buffer, "outBuffer");
    Arguments.check(offset >= 0, "outBufferOffset must be non negative: %d", offset);
    final long count = count(width, height);
    if (offset + count > buffer.capacity()) {
      throw new IllegalStateException(
          String.format(
              Locale.US,
              "Buffer underflow: outBuffer has %d elements, and needs %d",
              buffer.capacity(),
              offset + count));
    }
    if (buffer.isReadOnly()) {
      throw new ReadOnlyBufferException();
    }
    checkMemoryFormat(memoryFormat);
    return new Target(buffer, offset, width, height, memoryFormat);
  }

  /** Makes room for a tensor. */
  static Target allocate(int width, int height, MemoryFormat memoryFormat) {
    checkMemoryFormat(memoryFormat);
    final long count = count(width, height);
    Arguments.check(
        count <= Integer.MAX_VALUE / Float.BYTES,
        "A tensor cannot hold 3 channels of %d by %d pixels",
        width,
        height);
    return new Target(
        Tensor.allocateFloatBuffer((int) count), 0, width, height, memoryFormat);
  }

  /** Returns the tensor that is all of the buffer. */
  Tensor tensor() {
    return Tensor.fromBlob(buffer, new long[] {1, CHANNELS, height, width}, memoryFormat);
  }

  boolean hasChannelsLast() {
    return memoryFormat == MemoryFormat.CHANNELS_LAST;
  }

  /** Whether native functions can write to the buffer. */
  boolean isNative() {
    return buffer.isDirect() && buffer.order() == ByteOrder.nativeOrder();
  }

  /**
   * Whether elements lie at multiples of their size, as floats of native functions do. A view of a
   * slice of bytes need not.
   */
  boolean isAligned() {
    return NativeVision.isAligned(buffer);
  }

  /** Returns the numbers for native functions. */
  int[] layout() {
    return new int[] {offset, width, height, hasChannelsLast() ? 2 : 1};
  }

  private static long count(int width, int height) {
    Arguments.checkSize(width, height);
    // more than an int is more than any buffer has
    return CHANNELS * Math.min((long) width * height, Integer.MAX_VALUE);
  }

  private static void checkMemoryFormat(MemoryFormat memoryFormat) {
    Arguments.check(
        memoryFormat == MemoryFormat.CONTIGUOUS || memoryFormat == MemoryFormat.CHANNELS_LAST,
        "Unsupported memory format %s",
        memoryFormat);
  }
}
