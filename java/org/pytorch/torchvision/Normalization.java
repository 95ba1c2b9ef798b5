package org.pytorch.torchvision;

/** What a model was trained to be given for each value of a channel. */
final class Normalization {
  static final int VALUES = 256;
  private static final int CHANNELS = 3;

  private Normalization() {}

  /**
   * Returns {@code (value / 255 - mean) / std} for all values of red, then green, then blue: to the
   * bit what torchvision's ToTensor and Normalize make of them.
   */
  static float[] tables(float[] normMeanRGB, float[] normStdRGB) {
    checkLength(normMeanRGB, "normMeanRGB");
    checkLength(normStdRGB, "normStdRGB");
    final float[] tables = new float[CHANNELS * VALUES];
    for (int channel = 0; channel < CHANNELS; channel++) {
      final float mean = normMeanRGB[channel];
      final float std = normStdRGB[channel];
      for (int value = 0; value < VALUES; value++) {
        tables[channel * VALUES + value] = (value / 255.0f - mean) / std;
      }
    }
    return tables;
  }

  private static void checkLength(float[] norm, String name) {
    Arguments.checkNotNull(norm, name);
    Arguments.check(norm.length == CHANNELS, "%s length must be 3", name);
  }
}
