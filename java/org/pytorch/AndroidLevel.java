package org.pytorch;

/** What depends on the Android that this runs on. */
final class AndroidLevel {
  private static final int OREO_MR1 = 27;

  /** Whether duplicates and views keep the buffer of native memory that they were made of. */
  static final boolean VIEWS_KEEP_BUFFERS = number() >= OREO_MR1;

  private AndroidLevel() {}

  private static int number() {
    try {
      return Class.forName("android.os.Build$VERSION").getField("SDK_INT").getInt(null);
    } catch (ReflectiveOperationException noAndroid) {
      return Integer.MAX_VALUE;
    }
  }
}
