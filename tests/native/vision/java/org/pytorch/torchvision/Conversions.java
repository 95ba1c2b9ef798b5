package org.pytorch.torchvision;

import android.graphics.Bitmap;
import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Base64;
import java.util.Scanner;
import org.pytorch.MemoryFormat;
import org.pytorch.Tensor;

/** Converts what each line of the standard input describes, and answers with a line of elements. */
public final class Conversions {
  /** Elements around what is written, which are to stay as they are. */
  private static final int BEFORE = 5;

  private static final int AFTER = 7;
  private static final float UNTOUCHED = -12345.5f;

  private final Scanner words;
  private final MemoryFormat format;
  private final float[] mean = new float[3];
  private final float[] std = new float[3];

  private interface Writing {
    void to(FloatBuffer buffer, int offset);
  }

  private Conversions(Scanner words) {
    this.words = words;
    format = MemoryFormat.valueOf(words.next());
    for (int i = 0; i < 3; i++) {
      mean[i] = Float.parseFloat(words.next());
      std[i] = Float.parseFloat(words.next());
    }
  }

  public static void main(String[] args) {
    final Scanner lines = new Scanner(System.in);
    while (lines.hasNextLine()) {
      final Scanner words = new Scanner(lines.nextLine());
      final String kind = words.next();
      System.out.println(new Conversions(words).convert(kind));
    }
  }

  private String convert(String kind) {
    switch (kind) {
      case "yuv":
        return yuv(words.nextInt(), words.nextInt());
      case "nv21":
        return nv21(words.nextInt(), words.nextInt());
      case "bitmap":
        return bitmap(words.nextInt(), words.nextInt());
      default:
        throw new IllegalArgumentException(kind);
    }
  }

  private String yuv(int width, int height) {
    final int degrees = words.nextInt();
    final int columns = words.nextInt();
    final int rows = words.nextInt();
    final Image.Plane[] planes = {plane(), plane(), plane()};
    final Image image = new Image(ImageFormat.YUV_420_888, width, height, planes);
    return compared(
        TensorImageUtils.imageYUV420CenterCropToFloat32Tensor(
            image, degrees, columns, rows, mean, std, format),
        (buffer, offset) ->
            TensorImageUtils.imageYUV420CenterCropToFloatBuffer(
                image, degrees, columns, rows, mean, std, buffer, offset, format));
  }

  private String nv21(int width, int height) {
    final int degrees = words.nextInt();
    final int columns = words.nextInt();
    final int rows = words.nextInt();
    final byte[] samples = bytes();
    return compared(
        TensorImageUtils.nv21CenterCropToFloat32Tensor(
            samples, width, height, degrees, columns, rows, mean, std, format),
        (buffer, offset) ->
            TensorImageUtils.nv21CenterCropToFloatBuffer(
                samples, width, height, degrees, columns, rows, mean, std, buffer, offset, format));
  }

  /** Tells besides whether the pixels were read without getPixels. */
  private String bitmap(int width, int height) {
    final int x = words.nextInt();
    final int y = words.nextInt();
    final int columns = words.nextInt();
    final int rows = words.nextInt();
    final Bitmap bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.valueOf(words.next()));
    bitmap.setSrgb(words.nextBoolean());
    final ByteBuffer colors = ByteBuffer.wrap(bytes());
    for (int i = 0; i < width * height; i++) {
      bitmap.setPixel(i % width, i / width, colors.getInt());
    }
    final String elements =
        compared(
            TensorImageUtils.bitmapToFloat32Tensor(
                bitmap, x, y, columns, rows, mean, std, format),
            (buffer, offset) ->
                TensorImageUtils.bitmapToFloatBuffer(
                    bitmap, x, y, columns, rows, mean, std, buffer, offset, format));
    if (bitmap.locks() != 0) {
      throw new AssertionError("still locked");
    }
    return elements + " " + (bitmap.reads == 0);
  }

  private Image.Plane plane() {
    final int row = words.nextInt();
    final int pixel = words.nextInt();
    return Images.plane(bytes(), row, pixel);
  }

  private byte[] bytes() {
    return Base64.getDecoder().decode(words.next());
  }

  private String compared(Tensor tensor, Writing writing) {
    final float[] elements = tensor.getDataAsFloatArray();
    final FloatBuffer buffer =
        Tensor.allocateFloatBuffer(BEFORE + elements.length + AFTER);
    for (int i = 0; i < buffer.capacity(); i++) {
      buffer.put(i, UNTOUCHED);
    }
    buffer.position(1).limit(2);
    writing.to(buffer, BEFORE);
    final float[] written = new float[buffer.capacity()];
    ((FloatBuffer) buffer.clear()).get(written);
    for (int i = 0; i < written.length; i++) {
      final boolean within = i >= BEFORE && i < BEFORE + elements.length;
      if (written[i] != (within ? elements[i - BEFORE] : UNTOUCHED)) {
        throw new AssertionError(i + " of " + Arrays.toString(written));
      }
    }
    final ByteBuffer bytes = ByteBuffer.allocate(4 * elements.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(elements);
    return Base64.getEncoder().encodeToString(bytes.array());
  }
}
