package org.pytorch;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The functions of libpytorch_jni_lite.so, and what it calls in turn. */
final class NativeLibrary {
  /** Numbers of br_status that blame an argument of the caller. */
  private static final int INVALID_ARGUMENT = 1;

  private static final int NOT_FOUND = 5;
  private static final int WRONG_KIND = 6;

  static {
    System.loadLibrary("pytorch_jni_lite");
  }

  private NativeLibrary() {}

  // Text goes as UTF-8: that of JNI writes zero bytes and characters beyond 16 bits otherwise.

  static native long loadFile(byte[] path);

  static native long loadBytes(byte[] model);

  /** Loads what lies in a direct buffer. */
  static native long loadBuffer(ByteBuffer model, int offset, int size);

  static native void freeModule(long module);

  /** Returns the content of a file beside the model, or null where there is none of that name. */
  static native byte[] extraFile(long module, byte[] name);

  /** Runs a method; null: "forward". */
  static native IValue run(long module, byte[] method, IValue[] inputs);

  static native void freeValue(long value);

  /** Returns a copy of a tensor in row-major order. */
  static native Tensor packed(Tensor tensor);

  static native void setThreadCount(int count);

  /** Returns a text as the runtime takes it, which would end at a zero. */
  static byte[] bytesWithoutZero(String text, String what) {
    if (text == null) {
      throw new IllegalArgumentException(what + " must be not null");
    }
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(what + " has a zero character");
    }
    return bytes(text);
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  // Called from native
  private static RuntimeException failure(int status, byte[] message, byte[] pythonClass) {
    switch (status) {
      case INVALID_ARGUMENT:
      case NOT_FOUND:
      case WRONG_KIND:
        return new IllegalArgumentException(text(message));
      default:
        return new PyTorchException(text(message), text(pythonClass));
    }
  }
}
