package org.pytorch.torchvision;

import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import org.pytorch.Tensor;

/** Prints what a frame becomes that is another in each place: for any implementation. */
public final class Gradients {
  private static final float[] MEAN = {0, 0, 0};
  private static final float[] STD = {1, 1, 1};
  private static final int LUMA = 219;
  private static final int MOST = 255;

  private Gradients() {}

  /** Takes width and height of the frame, degrees, width and height of the tensor, in a row. */
  public static void main(String[] words) {
    for (int i = 0; i + 5 <= words.length; i += 5) {
      final int[] numbers = new int[5];
      for (int j = 0; j < 5; j++) {
        numbers[j] = Integer.parseInt(words[i + j]);
      }
      final Tensor tensor =
          TensorImageUtils.imageYUV420CenterCropToFloat32Tensor(
              frame(numbers[0], numbers[1]), numbers[2], numbers[3], numbers[4], MEAN, STD);
      final float[] elements = tensor.getDataAsFloatArray();
      final ByteBuffer bytes =
          ByteBuffer.allocate(4 * elements.length).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(elements);
      System.out.println(Base64.getEncoder().encodeToString(bytes.array()));
    }
  }

  private static Image frame(int width, int height) {
    final ByteBuffer y = ByteBuffer.allocateDirect(width * height);
    final ByteBuffer u = ByteBuffer.allocateDirect(width * height / 4);
    final ByteBuffer v = ByteBuffer.allocateDirect(width * height / 4);
    for (int row = 0; row < height; row++) {
      for (int column = 0; column < width; column++) {
        y.put((byte) (16 + LUMA * column / width));
        if (row % 2 == 0 && column % 2 == 0) {
          u.put((byte) (MOST * row / height));
          v.put((byte) (MOST * (row + column) / (width + height)));
        }
      }
    }
    return new Image(
        ImageFormat.YUV_420_888,
        width,
        height,
        new Image.Plane(y, width, 1),
        new Image.Plane(u, width / 2, 1),
        new Image.Plane(v, width / 2, 1));
  }
}
