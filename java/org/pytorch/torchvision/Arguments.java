package org.pytorch.torchvision;

import java.util.Locale;

/** Checks of what callers pass. */
final class Arguments {
  private Arguments() {}

  static void check(boolean holds, String message, Object... words) {
    if (!holds) {
      throw new IllegalArgumentException(String.format(Locale.US, message, words));
    }
  }

  static void checkNotNull(Object argument, String name) {
    check(argument != null, "%s must be not null", name);
  }

  static void checkRotation(int degrees) {
    check(
        degrees == 0 || degrees == 90 || degrees == 180 || degrees == 270,
        "rotateCWDegrees must be one of 0, 90, 180, 270: %d",
        degrees);
  }

  static void checkSize(int width, int height) {
    check(
        width >= 0 && height >= 0, "width and height must be non negative: %d, %d", width, height);
  }

  static void checkTensorSize(int width, int height) {
    check(
        width > 0 && height > 0,
        "tensorHeight and tensorWidth must be positive: %d, %d",
        height,
        width);
  }
}
