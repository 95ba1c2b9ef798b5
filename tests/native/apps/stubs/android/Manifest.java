package android;

/** Names of what an app may ask for. */
public final class Manifest {
  public static final class permission {
    public static final String CAMERA = "android.permission.CAMERA";
  }
}
