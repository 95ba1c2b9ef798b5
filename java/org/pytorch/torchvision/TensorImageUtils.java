package org.pytorch.torchvision;

import android.graphics.Bitmap;
import android.media.Image;
import java.nio.FloatBuffer;
import org.pytorch.MemoryFormat;
import org.pytorch.Tensor;

/**
 * Makes float tensors of images: three channels, red, green and blue, each of whose values from 0 to
 * 255 becomes {@code (value / 255 - mean) / std}. Memory formats are {@link MemoryFormat#CONTIGUOUS},
 * which is what they are unless told otherwise, and {@link MemoryFormat#CHANNELS_LAST}.
 *
 * <p>{@code …ToFloat32Tensor} makes a tensor of shape {@code {1, 3, height, width}}; {@code
 * …ToFloatBuffer} writes its elements to part of a buffer, so that one buffer, and the tensor that was
 * made of it, serve for many images. Positions and limits of buffers mean nothing.
 *
 * <p>A frame of a camera is turned clockwise, so that it is upright. Of the upright frame, the largest
 * area in the middle that has the tensor's proportions is scaled to the tensor: each element is made
 * of the nearest pixel, as {@code interpolate} of PyTorch has it with mode "nearest". Colours are
 * those of BT.601 with the range of video. Rows may be padded, samples apart or interleaved, as
 * cameras have them. An image must not be closed while it is converted.
 *
 * <p>All methods throw IllegalArgumentException for null and for what an argument says it must not
 * be, IllegalStateException for a buffer that is too small, and ReadOnlyBufferException for one that
 * cannot be written to. A bitmap of {@code Config.HARDWARE} has no pixels that can be read: convert
 * its {@code copy(Bitmap.Config.ARGB_8888, false)}. What a closed image or a recycled bitmap throws passes through. All may be
 * called by several threads.
 */
public final class TensorImageUtils {
  /** The means of models of torchvision, for red, green and blue. */
  public static float[] TORCHVISION_NORM_MEAN_RGB = new float[] {0.485f, 0.456f, 0.406f};
  /** The standard deviations of models of torchvision, for red, green and blue. */
  public static float[] TORCHVISION_NORM_STD_RGB = new float[] {0.229f, 0.224f, 0.225f};

  /** Makes a tensor of a bitmap. */
  public static Tensor bitmapToFloat32Tensor(
      final Bitmap bitmap,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final MemoryFormat memoryFormat) {
    Arguments.checkNotNull(bitmap, "bitmap");
    return bitmapToFloat32Tensor(
        bitmap, 0, 0, bitmap.getWidth(), bitmap.getHeight(), normMeanRGB, normStdRGB, memoryFormat);
  }

  /** Makes a contiguous tensor of a bitmap. */
  public static Tensor bitmapToFloat32Tensor(
      final Bitmap bitmap, final float[] normMeanRGB, final float[] normStdRGB) {
    return bitmapToFloat32Tensor(bitmap, normMeanRGB, normStdRGB, MemoryFormat.CONTIGUOUS);
  }

  /**
   * Makes a tensor of an area of a bitmap.
   *
   * @param bitmap what is read; its alpha means nothing
   * @param x the first column of the area
   * @param y the first row of the area
   * @param width columns of the area, all of which are within the bitmap
   * @param height rows of the area, all of which are within the bitmap
   * @param normMeanRGB means of red, green and blue
   * @param normStdRGB standard deviations of red, green and blue
   * @param memoryFormat how the elements lie
   */
  public static Tensor bitmapToFloat32Tensor(
      final Bitmap bitmap,
      final int x,
      final int y,
      final int width,
      final int height,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final MemoryFormat memoryFormat) {
    Arguments.checkNotNull(bitmap, "bitmap");
    final float[] tables = Normalization.tables(normMeanRGB, normStdRGB);
    Bitmaps.checkArea(bitmap, x, y, width, height);
    final Target target = Target.allocate(width, height, memoryFormat);
    Bitmaps.convert(bitmap, x, y, tables, target);
    return target.tensor();
  }

  /** Makes a contiguous tensor of an area of a bitmap. */
  public static Tensor bitmapToFloat32Tensor(
      final Bitmap bitmap,
      final int x,
      final int y,
      final int width,
      final int height,
      final float[] normMeanRGB,
      final float[] normStdRGB) {
    return bitmapToFloat32Tensor(
        bitmap, x, y, width, height, normMeanRGB, normStdRGB, MemoryFormat.CONTIGUOUS);
  }

  /**
   * Writes an area of a bitmap to a buffer.
   *
   * @param bitmap what is read; its alpha means nothing
   * @param x the first column of the area
   * @param y the first row of the area
   * @param width columns of the area, all of which are within the bitmap
   * @param height rows of the area, all of which are within the bitmap
   * @param normMeanRGB means of red, green and blue
   * @param normStdRGB standard deviations of red, green and blue
   * @param outBuffer what is written to: {@code 3 * width * height} elements
   * @param outBufferOffset the first of these elements
   * @param memoryFormat how the elements lie
   */
  public static void bitmapToFloatBuffer(
      final Bitmap bitmap,
      final int x,
      final int y,
      final int width,
      final int height,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final FloatBuffer outBuffer,
      final int outBufferOffset,
      final MemoryFormat memoryFormat) {
    Arguments.checkNotNull(bitmap, "bitmap");
    final Target target = Target.of(outBuffer, outBufferOffset, width, height, memoryFormat);
    Bitmaps.checkArea(bitmap, x, y, width, height);
    Bitmaps.convert(bitmap, x, y, Normalization.tables(normMeanRGB, normStdRGB), target);
  }

  /** Writes an area of a bitmap to a buffer, row by row and channel by channel. */
  public static void bitmapToFloatBuffer(
      final Bitmap bitmap,
      final int x,
      final int y,
      final int width,
      final int height,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final FloatBuffer outBuffer,
      final int outBufferOffset) {
    bitmapToFloatBuffer(
        bitmap,
        x,
        y,
        width,
        height,
        normMeanRGB,
        normStdRGB,
        outBuffer,
        outBufferOffset,
        MemoryFormat.CONTIGUOUS);
  }

  /**
   * Makes a tensor of the middle of a frame.
   *
   * @param image what is read, of format YUV_420_888, with direct buffers
   * @param rotateCWDegrees by how much the frame is turned, clockwise: 0, 90, 180 or 270
   * @param tensorWidth columns of the tensor, at least one
   * @param tensorHeight rows of the tensor, at least one
   * @param normMeanRGB means of red, green and blue
   * @param normStdRGB standard deviations of red, green and blue
   * @param memoryFormat how the elements lie
   */
  public static Tensor imageYUV420CenterCropToFloat32Tensor(
      final Image image,
      final int rotateCWDegrees,
      final int tensorWidth,
      final int tensorHeight,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final MemoryFormat memoryFormat) {
    return tensorOf(
        Frame.of(image),
        rotateCWDegrees,
        tensorWidth,
        tensorHeight,
        normMeanRGB,
        normStdRGB,
        memoryFormat);
  }

  /** Makes a contiguous tensor of the middle of a frame. */
  public static Tensor imageYUV420CenterCropToFloat32Tensor(
      final Image image,
      final int rotateCWDegrees,
      final int tensorWidth,
      final int tensorHeight,
      final float[] normMeanRGB,
      final float[] normStdRGB) {
    return imageYUV420CenterCropToFloat32Tensor(
        image,
        rotateCWDegrees,
        tensorWidth,
        tensorHeight,
        normMeanRGB,
        normStdRGB,
        MemoryFormat.CONTIGUOUS);
  }

  /**
   * Writes the middle of a frame to a buffer.
   *
   * @param image what is read, of format YUV_420_888, with direct buffers
   * @param rotateCWDegrees by how much the frame is turned, clockwise: 0, 90, 180 or 270
   * @param tensorWidth columns of what is written, at least one
   * @param tensorHeight rows of what is written, at least one
   * @param normMeanRGB means of red, green and blue
   * @param normStdRGB standard deviations of red, green and blue
   * @param outBuffer what is written to: {@code 3 * tensorWidth * tensorHeight} elements of a direct
   *     buffer with native byte order that begins at a multiple of 4 bytes
   * @param outBufferOffset the first of these elements
   * @param memoryFormat how the elements lie
   */
  public static void imageYUV420CenterCropToFloatBuffer(
      final Image image,
      final int rotateCWDegrees,
      final int tensorWidth,
      final int tensorHeight,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final FloatBuffer outBuffer,
      final int outBufferOffset,
      final MemoryFormat memoryFormat) {
    final Target target =
        Target.of(outBuffer, outBufferOffset, tensorWidth, tensorHeight, memoryFormat);
    final float[] tables = Normalization.tables(normMeanRGB, normStdRGB);
    Frame.of(image).convert(rotateCWDegrees, tables, target);
  }

  /** Writes the middle of a frame to a buffer, row by row and channel by channel. */
  public static void imageYUV420CenterCropToFloatBuffer(
      final Image image,
      final int rotateCWDegrees,
      final int tensorWidth,
      final int tensorHeight,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final FloatBuffer outBuffer,
      final int outBufferOffset) {
    imageYUV420CenterCropToFloatBuffer(
        image,
        rotateCWDegrees,
        tensorWidth,
        tensorHeight,
        normMeanRGB,
        normStdRGB,
        outBuffer,
        outBufferOffset,
        MemoryFormat.CONTIGUOUS);
  }

  /**
   * Makes a tensor of the middle of a frame of NV21, as {@code android.hardware.Camera} gives them.
   *
   * @param nv21 what is read: Y of all pixels, then V and U of each four in turns
   * @param width columns of the frame
   * @param height rows of the frame
   * @param rotateCWDegrees by how much the frame is turned, clockwise: 0, 90, 180 or 270
   * @param tensorWidth columns of the tensor, at least one
   * @param tensorHeight rows of the tensor, at least one
   * @param normMeanRGB means of red, green and blue
   * @param normStdRGB standard deviations of red, green and blue
   * @param memoryFormat how the elements lie
   */
  public static Tensor nv21CenterCropToFloat32Tensor(
      final byte[] nv21,
      final int width,
      final int height,
      final int rotateCWDegrees,
      final int tensorWidth,
      final int tensorHeight,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final MemoryFormat memoryFormat) {
    return tensorOf(
        Frame.ofNv21(nv21, width, height),
        rotateCWDegrees,
        tensorWidth,
        tensorHeight,
        normMeanRGB,
        normStdRGB,
        memoryFormat);
  }

  /**
   * Writes the middle of a frame of NV21 to a buffer.
   *
   * @param nv21 what is read: Y of all pixels, then V and U of each four in turns
   * @param width columns of the frame
   * @param height rows of the frame
   * @param rotateCWDegrees by how much the frame is turned, clockwise: 0, 90, 180 or 270
   * @param tensorWidth columns of what is written, at least one
   * @param tensorHeight rows of what is written, at least one
   * @param normMeanRGB means of red, green and blue
   * @param normStdRGB standard deviations of red, green and blue
   * @param outBuffer what is written to: {@code 3 * tensorWidth * tensorHeight} elements of a direct
   *     buffer with native byte order that begins at a multiple of 4 bytes
   * @param outBufferOffset the first of these elements
   * @param memoryFormat how the elements lie
   */
  public static void nv21CenterCropToFloatBuffer(
      final byte[] nv21,
      final int width,
      final int height,
      final int rotateCWDegrees,
      final int tensorWidth,
      final int tensorHeight,
      final float[] normMeanRGB,
      final float[] normStdRGB,
      final FloatBuffer outBuffer,
      final int outBufferOffset,
      final MemoryFormat memoryFormat) {
    final Target target =
        Target.of(outBuffer, outBufferOffset, tensorWidth, tensorHeight, memoryFormat);
    final float[] tables = Normalization.tables(normMeanRGB, normStdRGB);
    Frame.ofNv21(nv21, width, height).convert(rotateCWDegrees, tables, target);
  }

  private static Tensor tensorOf(
      Frame frame,
      int rotateCWDegrees,
      int tensorWidth,
      int tensorHeight,
      float[] normMeanRGB,
      float[] normStdRGB,
      MemoryFormat memoryFormat) {
    final float[] tables = Normalization.tables(normMeanRGB, normStdRGB);
    Arguments.checkTensorSize(tensorWidth, tensorHeight);
    final Target target = Target.allocate(tensorWidth, tensorHeight, memoryFormat);
    frame.convert(rotateCWDegrees, tables, target);
    return target.tensor();
  }
}
