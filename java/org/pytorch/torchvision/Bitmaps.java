package org.pytorch.torchvision;

import android.graphics.Bitmap;
import android.graphics.ColorSpace;
import android.os.Build;
import java.nio.FloatBuffer;

/** Conversion of bitmaps: where they lie, if that can be, else by way of getPixels. */
final class Bitmaps {
  private static final int OREO = 26;
  /** Pixels that are read at once. */
  private static final int CHUNK = 1 << 14;

  private static final boolean READ_IN_PLACE = readInPlace();

  private Bitmaps() {}

  /** To be called before anything is allocated for the area. */
  static void checkArea(Bitmap bitmap, int x, int y, int width, int height) {
    Arguments.checkSize(width, height);
    Arguments.check(
        x >= 0
            && y >= 0
            && x <= bitmap.getWidth() - width
            && y <= bitmap.getHeight() - height,
        "An area of %d by %d pixels at %d, %d is not within a bitmap of %d by %d",
        width,
        height,
        x,
        y,
        bitmap.getWidth(),
        bitmap.getHeight());
  }

  /** Normalises an area of a bitmap that is as large as the target. Alpha means nothing. */
  static void convert(Bitmap bitmap, int x, int y, float[] tables, Target target) {
    if (target.width > 0 && target.height > 0 && !convertInPlace(bitmap, x, y, tables, target)) {
      convertPixels(bitmap, x, y, tables, target);
    }
  }

  private static boolean convertInPlace(
      Bitmap bitmap, int x, int y, float[] tables, Target target) {
    return READ_IN_PLACE
        && target.isNative()
        && target.isAligned()
        && isSrgb(bitmap)
        && NativeVision.convertBitmap(
            bitmap, x, y, tables, target.buffer, target.layout());
  }

  /** What getPixels returns is of sRGB, whatever the bitmap is of. */
  private static boolean isSrgb(Bitmap bitmap) {
    if (Build.VERSION.SDK_INT < OREO) {
      return true; // there was no other
    }
    final ColorSpace space = bitmap.getColorSpace();
    return space != null && space.isSrgb();
  }

  private static void convertPixels(
      Bitmap bitmap, int x, int y, float[] tables, Target target) {
    final int width = target.width;
    final int most = Math.min(target.height, Math.max(1, CHUNK / width));
    final int[] pixels = new int[most * width];
    final float[] elements = new float[Target.CHANNELS * most * width];
    final FloatBuffer output = target.buffer.duplicate();
    output.clear();
    for (int top = 0; top < target.height; top += most) {
      final int count = Math.min(most, target.height - top) * width;
      bitmap.getPixels(pixels, 0, width, x, y + top, width, count / width);
      if (target.hasChannelsLast()) {
        normalizePixels(pixels, count, tables, elements);
        output.position(target.offset + Target.CHANNELS * top * width);
        output.put(elements, 0, Target.CHANNELS * count);
        continue;
      }
      for (int channel = 0; channel < Target.CHANNELS; channel++) {
        normalizeChannel(pixels, count, channel, tables, elements);
        output.position(target.offset + (channel * target.height + top) * width);
        output.put(elements, 0, count);
      }
    }
  }

  private static void normalizePixels(int[] pixels, int count, float[] tables, float[] elements) {
    for (int i = 0; i < count; i++) {
      final int pixel = pixels[i];
      elements[3 * i] = tables[pixel >> 16 & 0xff];
      elements[3 * i + 1] = tables[Normalization.VALUES | pixel >> 8 & 0xff];
      elements[3 * i + 2] = tables[2 * Normalization.VALUES | pixel & 0xff];
    }
  }

  private static void normalizeChannel(
      int[] pixels, int count, int channel, float[] tables, float[] elements) {
    final int shift = 16 - 8 * channel;
    final int first = channel * Normalization.VALUES;
    for (int i = 0; i < count; i++) {
      elements[i] = tables[first | pixels[i] >> shift & 0xff];
    }
  }

  private static boolean readInPlace() {
    try {
      return NativeVision.readsBitmaps();
    } catch (LinkageError noLibrary) { // bitmaps can do without
      return false;
    }
  }
}
