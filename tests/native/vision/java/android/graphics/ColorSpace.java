package android.graphics;

/** Only what is asked of it: whether colours are of sRGB. */
public final class ColorSpace {
  private final boolean srgb;

  ColorSpace(boolean srgb) {
    this.srgb = srgb;
  }

  public boolean isSrgb() {
    return srgb;
  }
}
