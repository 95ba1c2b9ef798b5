package android.os;

/** What the compiler has to know of Android's class; the device brings the real one. */
public class Build {
  /** Levels of the API. */
  public static class VERSION {
    public static final int SDK_INT = Integer.parseInt("0"); // no constant, which would be compiled in
  }
}
