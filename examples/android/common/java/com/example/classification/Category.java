package com.example.classification;

import java.util.Locale;

/** What something may be, and how sure the model is of it: from 0 to 1. */
public final class Category {
  public final String label;
  public final float probability;

  public Category(String label, float probability) {
    this.label = label;
    this.probability = probability;
  }

  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%s %.0f%%", label, 100 * probability);
  }
}
