package org.pytorch.torchvision;

import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;

/** A frame of a camera: a sample of Y for each pixel, one of U and V for each square of four. */
abstract class Frame {
  private final int width;
  private final int height;
  private final Strides y;
  private final Strides u;
  private final Strides v;

  private Frame(int width, int height, Strides y, Strides u, Strides v) {
    this.width = width;
    this.height = height;
    this.y = y;
    this.u = u;
    this.v = v;
  }

  /** Takes the planes of an image. What its buffers' positions and limits say means nothing. */
  static Frame of(Image image) {
    Arguments.checkNotNull(image, "image");
    final int format = image.getFormat();
    Arguments.check(
        format == ImageFormat.YUV_420_888,
        "Image format %d != ImageFormat.YUV_420_888",
        format);
    final Image.Plane[] planes = image.getPlanes();
    Arguments.check(
        planes != null && planes.length == 3, "An image of this format has planes of Y, U and V");
    final int width = image.getWidth();
    final int height = image.getHeight();
    checkSize(width, height);
    return new Planes(
        width,
        height,
        new Plane(planes[0], "Y", width, height),
        new Plane(planes[1], "U", half(width), half(height)),
        new Plane(planes[2], "V", half(width), half(height)));
  }

  /** Takes a frame of NV21: all of Y, then V and U in turns, without gaps. */
  static Frame ofNv21(byte[] samples, int width, int height) {
    Arguments.checkNotNull(samples, "nv21");
    checkSize(width, height);
    final long pixels = (long) width * height;
    final long needed = pixels + 2L * half(width) * half(height);
    Arguments.check(
        samples.length >= needed,
        "A frame of %d by %d pixels needs %d bytes, and nv21 has %d",
        width,
        height,
        needed,
        samples.length);
    final Strides pairs = new Strides(2 * half(width), 2);
    return new Bytes(samples, (int) pixels, width, height, new Strides(width, 1), pairs);
  }

  /** Turns, crops, scales and normalises the frame. */
  final void convert(int rotateCWDegrees, float[] tables, Target target) {
    Arguments.checkRotation(rotateCWDegrees);
    Arguments.checkTensorSize(target.width, target.height);
    Arguments.check(
        target.isNative(), "outBuffer must be direct, and have native byte order");
    Arguments.check(target.isAligned(), "outBuffer must begin at a multiple of 4 bytes");
    final int[] layout = {
      width, height, y.row, y.pixel, u.row, u.pixel, v.row, v.pixel,
    };
    convert(layout, rotateCWDegrees, tables, target);
  }

  abstract void convert(int[] layout, int rotateCWDegrees, float[] tables, Target target);

  private static void checkSize(int width, int height) {
    Arguments.check(
        width > 0 && height > 0, "A frame of %d by %d pixels has none", width, height);
  }

  /** The last sample of an odd side stands for one pixel alone. */
  private static int half(int side) {
    return side / 2 + side % 2;
  }

  /** How many bytes neighbouring samples are apart. */
  private static class Strides {
    final int row;
    final int pixel;

    Strides(int row, int pixel) {
      this.row = row;
      this.pixel = pixel;
    }
  }

  /** Samples of one component, all of which are there. */
  private static final class Plane extends Strides {
    final ByteBuffer buffer;

    Plane(Image.Plane plane, String name, int columns, int rows) {
      super(plane.getRowStride(), plane.getPixelStride());
      buffer = plane.getBuffer();
      Arguments.check(
          buffer != null && buffer.isDirect(), "The buffer of plane %s must be direct", name);
      Arguments.check(
          row > 0 && pixel > 0, "The strides of plane %s must be positive: %d, %d", name, row, pixel);
      // cameras leave out what would be behind the last sample
      final long needed = (rows - 1L) * row + (columns - 1L) * pixel + 1;
      Arguments.check(
          buffer.capacity() >= needed,
          "Plane %s needs %d bytes, and its buffer has %d",
          name,
          needed,
          buffer.capacity());
    }
  }

  private static final class Planes extends Frame {
    private final ByteBuffer y;
    private final ByteBuffer u;
    private final ByteBuffer v;

    Planes(int width, int height, Plane y, Plane u, Plane v) {
      super(width, height, y, u, v);
      this.y = y.buffer;
      this.u = u.buffer;
      this.v = v.buffer;
    }

    @Override
    void convert(int[] layout, int rotateCWDegrees, float[] tables, Target target) {
      NativeVision.convertPlanes(
          y, u, v, layout, rotateCWDegrees, tables, target.buffer, target.layout());
    }
  }

  private static final class Bytes extends Frame {
    private final byte[] samples;
    private final int vOffset;

    Bytes(byte[] samples, int vOffset, int width, int height, Strides y, Strides pairs) {
      super(width, height, y, pairs, pairs);
      this.samples = samples;
      this.vOffset = vOffset;
    }

    @Override
    void convert(int[] layout, int rotateCWDegrees, float[] tables, Target target) {
      NativeVision.convertBytes(
          samples,
          vOffset + 1,
          vOffset,
          layout,
          rotateCWDegrees,
          tables,
          target.buffer,
          target.layout());
    }
  }
}
