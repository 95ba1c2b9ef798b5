package android.graphics;

/** What the compiler has to know of Android's class; the device brings the real one. */
public class ImageFormat {
  public static final int YUV_420_888 = 35;
}
