package android.os;

/** What an Android says of itself: here the last one whose views do not keep native memory. */
public final class Build {
  private Build() {}

  /** Levels of the API. */
  public static final class VERSION {
    public static final int SDK_INT = 26;

    private VERSION() {}
  }
}
