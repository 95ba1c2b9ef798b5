package com.example.classification;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.util.Locale;
import org.junit.Test;

public class LabelsTests {
  private static final Labels LABELS = Labels.of("cat\ndog\nbird\n");

  private static String top(int count, float... probabilities) {
    return LABELS.top(probabilities, count).toString();
  }

  @Test
  public void theSurestComeFirst() {
    assertEquals("[bird 60%, cat 30%, dog 10%]", top(3, 0.3f, 0.1f, 0.6f));
    assertEquals("[bird 60%]", top(1, 0.3f, 0.1f, 0.6f));
    assertEquals("[]", top(0, 0.3f, 0.1f, 0.6f));
  }

  @Test
  public void noMoreThanThereAre() {
    assertEquals("[cat 50%, dog 50%, bird 0%]", top(9, 0.5f, 0.5f, 0));
  }

  @Test
  public void whatIsNoNumberIsNothing() {
    assertEquals("[bird 20%, cat 10%]", top(3, 0.1f, Float.NaN, 0.2f));
  }

  @Test
  public void labelsOfAnotherModel() {
    assertThrows(IllegalArgumentException.class, () -> top(1, 0.5f, 0.5f));
  }

  @Test
  public void aLineForEach() {
    Locale.setDefault(Locale.GERMANY);
    assertEquals("dog 100%\ncat 0%\n", Labels.lines(LABELS.top(new float[] {0, 1, 0}, 2)));
  }
}
