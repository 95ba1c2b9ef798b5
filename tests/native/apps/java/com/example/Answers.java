package com.example;

import android.graphics.ImageFormat;
import android.media.Image;
import com.example.classification.Category;
import com.example.image.ImageClassifier;
import com.example.text.TextClassifier;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Base64;
import java.util.List;
import java.util.Scanner;

/** Classifies what each line of the standard input says, as the apps do. */
public final class Answers {
  private static final int ALL = Integer.MAX_VALUE;

  private Answers() {}

  /** Takes the folder of the models. */
  public static void main(String[] folder) throws Exception {
    try (ImageClassifier images = new ImageClassifier(read(folder[0], "colours.ptl"));
        TextClassifier texts = new TextClassifier(read(folder[0], "sentences.ptl"))) {
      final Scanner lines = new Scanner(System.in);
      while (lines.hasNextLine()) {
        final String[] words = lines.nextLine().split("\t", -1);
        final List<Category> found =
            words[0].equals("text")
                ? texts.classify(words[1], ALL)
                : images.classify(frame(words), Integer.parseInt(words[1]), ALL);
        final StringBuilder line = new StringBuilder();
        for (Category category : found) {
          line.append(category.label).append(' ').append(category.probability).append(' ');
        }
        System.out.println(line);
      }
    }
  }

  private static byte[] read(String folder, String name) throws Exception {
    return Files.readAllBytes(Paths.get(folder, name));
  }

  /** Makes a frame of what cameras give: U and V in turns. */
  private static Image frame(String[] words) {
    final int width = Integer.parseInt(words[2]);
    final int height = Integer.parseInt(words[3]);
    final byte[] samples = Base64.getDecoder().decode(words[4]);
    final ByteBuffer y = ByteBuffer.allocateDirect(width * height);
    y.put(samples, 0, y.capacity());
    final ByteBuffer pairs = ByteBuffer.allocateDirect(samples.length - y.capacity());
    pairs.put(samples, y.capacity(), pairs.capacity()).flip();
    final ByteBuffer v = pairs.slice();
    pairs.position(1);
    return new Image(
        ImageFormat.YUV_420_888,
        width,
        height,
        new Image.Plane(y, width, 1),
        new Image.Plane(pairs.slice(), width, 2),
        new Image.Plane(v, width, 2));
  }
}
