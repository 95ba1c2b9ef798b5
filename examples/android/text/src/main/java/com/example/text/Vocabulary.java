package com.example.text;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The words that a model knows, and the number it knows each by. */
public final class Vocabulary {
  /** The number of all words that the model does not know. */
  private static final long UNKNOWN = 0;

  private static final Pattern WORD = Pattern.compile("[a-z']+");

  private final Map<String, Long> numbers = new HashMap<>();

  private Vocabulary() {}

  /** Reads one word a line: the first one has number 1. */
  public static Vocabulary of(String lines) {
    final Vocabulary made = new Vocabulary();
    for (String word : lines.trim().split("\n")) {
      made.numbers.put(word, made.numbers.size() + 1L);
    }
    return made;
  }

  /** Returns the numbers of a text's words, as `make_model.py` does: at least one. */
  public long[] ids(String text) {
    final List<Long> found = new ArrayList<>();
    final Matcher words = WORD.matcher(text.toLowerCase(Locale.ROOT));
    while (words.find()) {
      found.add(numbers.getOrDefault(words.group(), UNKNOWN));
    }
    if (found.isEmpty()) {
      found.add(UNKNOWN);
    }
    final long[] ids = new long[found.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = found.get(i);
    }
    return ids;
  }
}
