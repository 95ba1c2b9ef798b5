package android.graphics;

/** Formats of images, with Android's numbers. */
public final class ImageFormat {
  public static final int NV21 = 17;
  public static final int YUV_420_888 = 35;

  private ImageFormat() {}
}
