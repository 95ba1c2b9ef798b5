package com.example.classification;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** The names of what a model tells apart, in the order of its answers. */
public final class Labels {
  private static final Comparator<Category> SUREST_FIRST =
      (one, other) -> Float.compare(other.probability, one.probability);

  private final List<String> names;

  private Labels(List<String> names) {
    this.names = names;
  }

  /** Reads one name a line. */
  public static Labels of(String lines) {
    return new Labels(Arrays.asList(lines.trim().split("\n")));
  }

  /**
   * Returns the categories that a model is surest of, at most that many, the surest first. Equal
   * ones stay in the order of the answers, and what is no number is nothing.
   */
  public List<Category> top(float[] probabilities, int count) {
    if (probabilities.length != names.size()) {
      throw new IllegalArgumentException(
          names.size() + " labels for " + probabilities.length + " answers");
    }
    final List<Category> found = new ArrayList<>();
    for (int i = 0; i < probabilities.length; i++) {
      if (!Float.isNaN(probabilities[i])) {
        found.add(new Category(names.get(i), probabilities[i]));
      }
    }
    found.sort(SUREST_FIRST);
    return new ArrayList<>(found.subList(0, Math.min(count, found.size())));
  }

  /** Returns categories as they are shown, one a line. */
  public static String lines(List<Category> categories) {
    final StringBuilder lines = new StringBuilder();
    for (Category category : categories) {
      lines.append(category).append('\n');
    }
    return lines.toString();
  }
}
