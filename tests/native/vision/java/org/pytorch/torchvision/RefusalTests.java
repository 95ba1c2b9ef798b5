package org.pytorch.torchvision;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ReadOnlyBufferException;
import org.junit.Test;
import org.junit.function.ThrowingRunnable;
import org.pytorch.MemoryFormat;
import org.pytorch.Tensor;

/** What is no image, no place for one, or no way to turn it. */
public class RefusalTests {
  private static final float[] MEAN = {0, 0, 0};
  private static final float[] STD = {1, 1, 1};
  private static final MemoryFormat FORMAT = MemoryFormat.CONTIGUOUS;

  private static final Bitmap BITMAP = Bitmap.createBitmap(4, 3, Bitmap.Config.ARGB_8888);
  private static final FloatBuffer BUFFER = Tensor.allocateFloatBuffer(3 * 4 * 3);

  private static void refused(String message, ThrowingRunnable work) {
    final IllegalArgumentException thrown =
        assertThrows(IllegalArgumentException.class, work);
    assertTrue(thrown.getMessage(), thrown.getMessage().contains(message));
  }

  private static Tensor convert(Image image, int degrees, int width, int height) {
    return TensorImageUtils.imageYUV420CenterCropToFloat32Tensor(
        image, degrees, width, height, MEAN, STD);
  }

  private static void write(FloatBuffer buffer, int offset) {
    TensorImageUtils.imageYUV420CenterCropToFloatBuffer(
        Images.grey(8, 6), 90, 3, 4, MEAN, STD, buffer, offset);
  }

  private static void write(Bitmap bitmap, FloatBuffer buffer, int offset) {
    TensorImageUtils.bitmapToFloatBuffer(bitmap, 0, 0, 4, 3, MEAN, STD, buffer, offset);
  }

  private static Image withPlane(int index, Image.Plane plane) {
    final Image.Plane[] planes = Images.grey(8, 6).getPlanes();
    planes[index] = plane;
    return new Image(ImageFormat.YUV_420_888, 8, 6, planes);
  }

  @Test
  public void nothing() {
    refused("bitmap must be not null", () -> write(null, BUFFER, 0));
    refused("image must be not null", () -> convert(null, 0, 4, 4));
    refused("outBuffer must be not null", () -> write(null, 0));
    refused("outBuffer must be not null", () -> write(BITMAP, null, 0));
    refused(
        "nv21 must be not null",
        () ->
            TensorImageUtils.nv21CenterCropToFloat32Tensor(
                null, 4, 4, 0, 4, 4, MEAN, STD, FORMAT));
    refused(
        "normMeanRGB must be not null",
        () -> TensorImageUtils.bitmapToFloat32Tensor(BITMAP, null, STD));
    refused(
        "normStdRGB must be not null",
        () -> TensorImageUtils.bitmapToFloat32Tensor(BITMAP, MEAN, null));
    refused(
        "Unsupported memory format null",
        () -> TensorImageUtils.bitmapToFloat32Tensor(BITMAP, MEAN, STD, null));
  }

  @Test
  public void norms() {
    final float[] two = {1, 2};
    refused(
        "normMeanRGB length must be 3",
        () -> TensorImageUtils.bitmapToFloat32Tensor(BITMAP, two, STD));
    refused(
        "normStdRGB length must be 3",
        () ->
            TensorImageUtils.imageYUV420CenterCropToFloat32Tensor(
                Images.grey(8, 6), 0, 2, 2, MEAN, two));
  }

  @Test
  public void memoryFormats() {
    final MemoryFormat voxels = MemoryFormat.CHANNELS_LAST_3D;
    refused(
        "Unsupported memory format CHANNELS_LAST_3D",
        () -> TensorImageUtils.bitmapToFloat32Tensor(BITMAP, MEAN, STD, voxels));
    refused(
        "Unsupported memory format CHANNELS_LAST_3D",
        () ->
            TensorImageUtils.imageYUV420CenterCropToFloat32Tensor(
                Images.grey(8, 6), 0, 2, 2, MEAN, STD, voxels));
  }

  @Test
  public void imagesOfAnotherFormat() {
    final Image.Plane[] planes = Images.grey(8, 6).getPlanes();
    refused(
        "Image format 17 != ImageFormat.YUV_420_888",
        () -> convert(new Image(ImageFormat.NV21, 8, 6, planes), 0, 4, 4));
    refused(
        "planes of Y, U and V",
        () -> convert(new Image(ImageFormat.YUV_420_888, 8, 6, planes[0]), 0, 4, 4));
    refused(
        "A frame of 0 by 6 pixels has none",
        () -> convert(new Image(ImageFormat.YUV_420_888, 0, 6, planes), 0, 4, 4));
  }

  @Test
  public void rotations() {
    for (int degrees : new int[] {45, -90, 360, Integer.MIN_VALUE}) {
      refused(
          "rotateCWDegrees must be one of 0, 90, 180, 270: " + degrees,
          () -> convert(Images.grey(8, 6), degrees, 4, 4));
    }
  }

  @Test
  public void sizesOfTensors() {
    refused("must be positive: 4, 0", () -> convert(Images.grey(8, 6), 0, 0, 4));
    refused("must be positive: -1, 4", () -> convert(Images.grey(8, 6), 0, 4, -1));
    refused(
        "cannot hold 3 channels of 2147483647 by 2147483647 pixels",
        () -> convert(Images.grey(8, 6), 0, Integer.MAX_VALUE, Integer.MAX_VALUE));
  }

  @Test
  public void planesThatAreTooSmall() {
    for (int index = 0; index < 3; index++) {
      final int row = index == 0 ? 8 : 4;
      final int needed = index == 0 ? 48 : 12;
      final Image enough = withPlane(index, Images.plane(new byte[needed], row, 1));
      convert(enough, 0, 1, 1);
      final Image less = withPlane(index, Images.plane(new byte[needed - 1], row, 1));
      refused("Plane " + "YUV".charAt(index) + " needs ", () -> convert(less, 0, 1, 1));
    }
    final Image far = withPlane(1, Images.plane(new byte[12], Integer.MAX_VALUE, 1));
    refused("Plane U needs 4294967298 bytes, and its buffer has 12", () -> convert(far, 0, 1, 1));
  }

  @Test
  public void planesThatAreNone() {
    final ByteBuffer heap = ByteBuffer.allocate(48);
    refused(
        "The buffer of plane Y must be direct",
        () -> convert(withPlane(0, new Image.Plane(heap, 8, 1)), 0, 4, 4));
    refused(
        "The buffer of plane V must be direct",
        () -> convert(withPlane(2, new Image.Plane(null, 4, 1)), 0, 4, 4));
    refused(
        "The strides of plane U must be positive: -4, 1",
        () -> convert(withPlane(1, Images.plane(new byte[12], -4, 1)), 0, 4, 4));
    refused(
        "The strides of plane U must be positive: 4, 0",
        () -> convert(withPlane(1, Images.plane(new byte[12], 4, 0)), 0, 4, 4));
  }

  @Test
  public void arraysThatAreTooSmall() {
    for (int[] size : new int[][] {{4, 4, 24}, {3, 3, 17}, {1 << 30, 1 << 30, 1}}) {
      refused(
          "bytes, and nv21 has ",
          () ->
              TensorImageUtils.nv21CenterCropToFloat32Tensor(
                  new byte[size[2] - 1], size[0], size[1], 0, 4, 4, MEAN, STD, FORMAT));
    }
  }

  @Test
  public void buffersThatAreTooSmall() {
    final FloatBuffer less = Tensor.allocateFloatBuffer(35);
    assertThrows(IllegalStateException.class, () -> write(less, 0));
    assertThrows(IllegalStateException.class, () -> write(BITMAP, less, 0));
    assertThrows(IllegalStateException.class, () -> write(BUFFER, 1));
    assertThrows(IllegalStateException.class, () -> write(BUFFER, Integer.MAX_VALUE));
    assertThrows(IllegalStateException.class, () -> write(BITMAP, BUFFER, 1));
    refused("outBufferOffset must be non negative: -1", () -> write(BUFFER, -1));
    refused("outBufferOffset must be non negative: -1", () -> write(BITMAP, BUFFER, -1));
    write(BUFFER, 0);
    write(BITMAP, BUFFER, 0);
  }

  @Test
  public void buffersOfAnotherKind() {
    final FloatBuffer readOnly = BUFFER.asReadOnlyBuffer();
    assertThrows(ReadOnlyBufferException.class, () -> write(readOnly, 0));
    assertThrows(ReadOnlyBufferException.class, () -> write(BITMAP, readOnly, 0));
    final FloatBuffer heap = FloatBuffer.allocate(36);
    refused("outBuffer must be direct", () -> write(heap, 0));
    final FloatBuffer swapped =
        ByteBuffer.allocateDirect(4 * 36).order(ByteOrder.BIG_ENDIAN).asFloatBuffer();
    refused("have native byte order", () -> write(swapped, 0));
  }

  @Test
  public void bitmapsGoToAnyBuffer() {
    final Bitmap bitmap = Bitmap.createBitmap(4, 3, Bitmap.Config.ARGB_8888);
    for (int i = 0; i < 12; i++) {
      bitmap.setPixel(i % 4, i / 4, 0xff000000 | 51 * (i % 6));
    }
    final FloatBuffer swapped =
        ByteBuffer.allocateDirect(4 * 36).order(ByteOrder.BIG_ENDIAN).asFloatBuffer();
    for (FloatBuffer buffer : new FloatBuffer[] {FloatBuffer.allocate(36), swapped}) {
      write(bitmap, buffer, 0);
      for (int i = 0; i < 36; i++) {
        assertEquals(i < 24 ? 0 : i % 6 * 0.2f, buffer.get(i), 1e-6f);
      }
    }
  }

  private static FloatBuffer unaligned() {
    final ByteBuffer bytes = ByteBuffer.allocateDirect(4 * 36 + 1);
    bytes.position(1);
    return bytes.slice().order(ByteOrder.nativeOrder()).asFloatBuffer();
  }

  @Test
  public void buffersBetweenFloats() {
    refused("must begin at a multiple of 4 bytes", () -> write(unaligned(), 0));
    refused(
        "must begin at a multiple of 4 bytes",
        () ->
            TensorImageUtils.nv21CenterCropToFloatBuffer(
                new byte[24], 4, 4, 0, 4, 3, MEAN, STD, unaligned(), 0, FORMAT));
    final Bitmap bitmap = Bitmap.createBitmap(4, 3, Bitmap.Config.ARGB_8888);
    for (int i = 0; i < 12; i++) {
      bitmap.setPixel(i % 4, i / 4, i == 1 ? 0xff0000ff : 0xff000000);
    }
    final FloatBuffer buffer = unaligned();
    write(bitmap, buffer, 0);
    for (int i = 0; i < 36; i++) {
      assertEquals(i == 25 ? 1 : 0, buffer.get(i), 0);
    }
    assertTrue("by getPixels", bitmap.reads > 0);
  }

  @Test
  public void areasBeyondBitmaps() {
    for (int[] at : new int[][] {{1, 0}, {0, 1}, {-1, 0}, {0, -1}, {Integer.MAX_VALUE, 0}}) {
      refused(
          "is not within a bitmap of 4 by 3",
          () ->
              TensorImageUtils.bitmapToFloat32Tensor(BITMAP, at[0], at[1], 4, 3, MEAN, STD));
    }
    for (int[] size : new int[][] {{10000, 10000}, {1 << 30, 1 << 30}}) {
      refused(
          "is not within a bitmap of 4 by 3",
          () ->
              TensorImageUtils.bitmapToFloat32Tensor(BITMAP, 0, 0, size[0], size[1], MEAN, STD));
    }
    refused(
        "width and height must be non negative: -1, 3",
        () -> TensorImageUtils.bitmapToFloat32Tensor(BITMAP, 0, 0, -1, 3, MEAN, STD));
    assertEquals(
        0, TensorImageUtils.bitmapToFloat32Tensor(BITMAP, 4, 3, 0, 0, MEAN, STD).numel());
  }

  @Test
  public void closed() {
    final Image image = Images.grey(8, 6);
    image.close();
    assertThrows(IllegalStateException.class, () -> convert(image, 0, 4, 4));
    final Bitmap bitmap = Bitmap.createBitmap(4, 3, Bitmap.Config.ARGB_8888);
    bitmap.recycle();
    assertThrows(IllegalStateException.class, () -> write(bitmap, BUFFER, 0));
    assertEquals(0, bitmap.locks());
  }
}
