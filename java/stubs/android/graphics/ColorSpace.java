package android.graphics;

/** What the compiler has to know of Android's class; the device brings the real one. */
public abstract class ColorSpace {
  public boolean isSrgb() {
    return false;
  }
}
