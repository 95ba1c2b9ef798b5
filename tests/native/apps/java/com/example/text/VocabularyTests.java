package com.example.text;

import static org.junit.Assert.assertArrayEquals;

import java.util.Locale;
import org.junit.Test;

public class VocabularyTests {
  private static final Vocabulary VOCABULARY = Vocabulary.of("don't\nit\npanic\n");

  private static void check(String text, long... ids) {
    assertArrayEquals(ids, VOCABULARY.ids(text));
  }

  @Test
  public void words() {
    check("don't panic", 1, 3);
    check("  Don't... PANIC!\n", 1, 3);
    check("it", 2);
  }

  @Test
  public void unknownWords() {
    check("don't eat it", 1, 0, 2);
  }

  @Test
  public void noWords() {
    check("", 0);
    check("1 + 1 = ?", 0);
  }

  @Test
  public void anyLanguageOfTheDevice() {
    Locale.setDefault(new Locale("tr"));
    check("IT", 2);
  }
}
