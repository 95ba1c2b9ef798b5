package org.pytorch.torchvision;

import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;

/** Frames for tests. */
final class Images {
  private Images() {}

  static Image.Plane plane(byte[] samples, int rowStride, int pixelStride) {
    final ByteBuffer buffer = ByteBuffer.allocateDirect(samples.length);
    buffer.put(samples); // its position is now at its end, as after a reader
    return new Image.Plane(buffer, rowStride, pixelStride);
  }

  /** Makes a grey frame without gaps. */
  static Image grey(int width, int height) {
    final int half = (width + 1) / 2;
    final int quarter = half * ((height + 1) / 2);
    return new Image(
        ImageFormat.YUV_420_888,
        width,
        height,
        plane(new byte[width * height], width, 1),
        plane(new byte[quarter], half, 1),
        plane(new byte[quarter], half, 1));
  }
}
