package org.pytorch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Paths;

/** Runs a model without closing what it answers, and prints how memory grows, in KB. */
public final class Memory {
  private static final int RUNS = 10_000;
  private static final int WARM = 1_000;
  private static final int ELEMENTS = 250_000;

  private Memory() {}

  public static void main(String[] words) throws IOException {
    final Module module = Module.load(words[0]);
    final IValue count = IValue.from(ELEMENTS);
    long before = 0;
    long most = 0;
    for (int i = 0; i < RUNS; i++) {
      module.runMethod("zeros", count);
      if (i == WARM) {
        before = resident();
      } else if (i > WARM && i % 100 == 0) {
        most = Math.max(most, resident());
      }
    }
    System.out.println(most - before);
  }

  private static long resident() throws IOException {
    for (String line : Files.readAllLines(Paths.get("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    throw new IOException("no VmRSS");
  }
}
