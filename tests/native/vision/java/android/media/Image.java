package android.media;

import java.nio.ByteBuffer;

/** A frame, as a camera would give it. */
public final class Image implements AutoCloseable {
  private final int format;
  private final int width;
  private final int height;
  private final Plane[] planes;
  private boolean closed;

  public Image(int format, int width, int height, Plane... planes) {
    this.format = format;
    this.width = width;
    this.height = height;
    this.planes = planes;
  }

  public int getFormat() {
    checkOpen();
    return format;
  }

  public int getWidth() {
    checkOpen();
    return width;
  }

  public int getHeight() {
    checkOpen();
    return height;
  }

  public Plane[] getPlanes() {
    checkOpen();
    return planes.clone();
  }

  @Override
  public void close() {
    closed = true;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("Image is already closed");
    }
  }

  /** One component of the pixels. */
  public static final class Plane {
    private final ByteBuffer buffer;
    private final int rowStride;
    private final int pixelStride;

    public Plane(ByteBuffer buffer, int rowStride, int pixelStride) {
      this.buffer = buffer;
      this.rowStride = rowStride;
      this.pixelStride = pixelStride;
    }

    public ByteBuffer getBuffer() {
      return buffer;
    }

    public int getRowStride() {
      return rowStride;
    }

    public int getPixelStride() {
      return pixelStride;
    }
  }
}
