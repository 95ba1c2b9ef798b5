package android.graphics;

/** What the compiler has to know of Android's class; the device brings the real one. */
public final class Bitmap {
  private Bitmap() {}

  public int getWidth() {
    return 0;
  }

  public int getHeight() {
    return 0;
  }

  public ColorSpace getColorSpace() {
    return null;
  }

  public void getPixels(
      int[] pixels, int offset, int stride, int x, int y, int width, int height) {}
}
