package org.pytorch.torchvision;

import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Random;
import org.pytorch.MemoryFormat;
import org.pytorch.Tensor;

/** Prints microseconds for a frame: those of a plain loop, and ours, for each rotation and order. */
public final class FrameTimes {
  private static final int WIDTH = 640;
  private static final int HEIGHT = 480;
  private static final int SIDE = 224;
  private static final int ROUNDS = 400;
  private static final float[] MEAN = TensorImageUtils.TORCHVISION_NORM_MEAN_RGB;
  private static final float[] STD = TensorImageUtils.TORCHVISION_NORM_STD_RGB;

  private FrameTimes() {}

  public static void main(String[] words) {
    final Image image = frame();
    final FloatBuffer buffer = Tensor.allocateFloatBuffer(3 * SIDE * SIDE);
    for (int degrees = 0; degrees < 360; degrees += 90) {
      for (MemoryFormat format :
          new MemoryFormat[] {MemoryFormat.CONTIGUOUS, MemoryFormat.CHANNELS_LAST}) {
        final double[] plain = new double[ROUNDS];
        final double[] ours = new double[ROUNDS];
        for (int round = 0; round < ROUNDS; round++) { // they take turns
          final long start = System.nanoTime();
          convertPlainly(image, degrees, format, buffer);
          final long between = System.nanoTime();
          TensorImageUtils.imageYUV420CenterCropToFloatBuffer(
              image, degrees, SIDE, SIDE, MEAN, STD, buffer, 0, format);
          plain[round] = (between - start) / 1e3;
          ours[round] = (System.nanoTime() - between) / 1e3;
        }
        System.out.printf("%d %s %.1f %.1f%n", degrees, format, middle(plain), middle(ours));
      }
    }
  }

  /** Returns the median of the second half: the first is for the compiler. */
  private static double middle(double[] times) {
    final double[] last = Arrays.copyOfRange(times, ROUNDS / 2, ROUNDS);
    Arrays.sort(last);
    return last[last.length / 2];
  }

  private static Image frame() {
    final byte[] samples = new byte[WIDTH * HEIGHT * 3 / 2];
    new Random(1).nextBytes(samples);
    final ByteBuffer y = ByteBuffer.allocateDirect(WIDTH * HEIGHT);
    y.put(samples, 0, WIDTH * HEIGHT);
    final ByteBuffer pairs = ByteBuffer.allocateDirect(WIDTH * HEIGHT / 2);
    pairs.put(samples, WIDTH * HEIGHT, WIDTH * HEIGHT / 2).flip();
    final ByteBuffer v = pairs.slice();
    pairs.position(1);
    final ByteBuffer u = pairs.slice();
    return new Image(
        ImageFormat.YUV_420_888,
        WIDTH,
        HEIGHT,
        new Image.Plane(y, WIDTH, 1),
        new Image.Plane(u, WIDTH, 2),
        new Image.Plane(v, WIDTH, 2));
  }

  private static void convertPlainly(
      Image image, int degrees, MemoryFormat format, FloatBuffer output) {
    final Image.Plane[] planes = image.getPlanes();
    final boolean last = format == MemoryFormat.CHANNELS_LAST;
    for (int row = 0; row < SIDE; row++) {
      for (int column = 0; column < SIDE; column++) {
        final int right = column * HEIGHT / SIDE;
        final int down = row * HEIGHT / SIDE;
        final int x;
        final int y;
        switch (degrees) {
          case 90:
            x = down;
            y = HEIGHT - 1 - right;
            break;
          case 180:
            x = HEIGHT - 1 - right;
            y = HEIGHT - 1 - down;
            break;
          case 270:
            x = HEIGHT - 1 - down;
            y = right;
            break;
          default:
            x = right;
            y = down;
        }
        final int middle = x + (WIDTH - HEIGHT) / 2;
        final int luma = 1192 * Math.max(sample(planes[0], middle, y) - 16, 0);
        final int u = sample(planes[1], middle / 2, y / 2) - 128;
        final int v = sample(planes[2], middle / 2, y / 2) - 128;
        final int at = row * SIDE + column;
        put(output, at, 0, last, luma + 1634 * v);
        put(output, at, 1, last, luma - 833 * v - 400 * u);
        put(output, at, 2, last, luma + 2066 * u);
      }
    }
  }

  private static int sample(Image.Plane plane, int x, int y) {
    return plane.getBuffer().get(y * plane.getRowStride() + x * plane.getPixelStride()) & 255;
  }

  private static void put(FloatBuffer output, int at, int channel, boolean last, int colour) {
    final int level = Math.min(Math.max(colour >> 10, 0), 255);
    final int place = last ? 3 * at + channel : channel * SIDE * SIDE + at;
    output.put(place, (level / 255.0f - MEAN[channel]) / STD[channel]);
  }
}
