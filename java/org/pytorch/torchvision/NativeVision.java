package org.pytorch.torchvision;

import android.graphics.Bitmap;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** The functions of libpytorch_vision_jni.so. They check nothing of what they are given. */
final class NativeVision {
  static {
    System.loadLibrary("pytorch_vision_jni");
  }

  private NativeVision() {}

  /** Converts a frame whose planes are direct buffers. */
  static native void convertPlanes(
      ByteBuffer y,
      ByteBuffer u,
      ByteBuffer v,
      int[] layout,
      int rotateCWDegrees,
      float[] tables,
      FloatBuffer output,
      int[] target);

  /** Converts a frame whose planes lie in one array, Y at its start. */
  static native void convertBytes(
      byte[] samples,
      int uOffset,
      int vOffset,
      int[] layout,
      int rotateCWDegrees,
      float[] tables,
      FloatBuffer output,
      int[] target);

  /** Whether the elements of a direct buffer lie where floats may. */
  static native boolean isAligned(FloatBuffer buffer);

  /** Whether {@link #convertBitmap} can do anything: not without Android. */
  static native boolean readsBitmaps();

  /**
   * Converts an area of a bitmap of sRGB that is as large as the target. Returns whether it could;
   * else the target is to be written again.
   */
  static native boolean convertBitmap(
      Bitmap bitmap, int x, int y, float[] tables, FloatBuffer output, int[] target);
}
