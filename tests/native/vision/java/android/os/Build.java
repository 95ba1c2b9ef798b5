package android.os;

/** What an Android says of itself. */
public final class Build {
  private Build() {}

  /** Levels of the API. */
  public static final class VERSION {
    public static final int SDK_INT = Integer.getInteger("android.level", 34);

    private VERSION() {}
  }
}
