package android.media;

import java.nio.ByteBuffer;

/** What the compiler has to know of Android's class; the device brings the real one. */
public abstract class Image implements AutoCloseable {
  public abstract int getFormat();

  public abstract int getWidth();

  public abstract int getHeight();

  public abstract Plane[] getPlanes();

  @Override
  public abstract void close();

  /** One component of the pixels. */
  public abstract static class Plane {
    public abstract int getRowStride();

    public abstract int getPixelStride();

    public abstract ByteBuffer getBuffer();
  }
}
