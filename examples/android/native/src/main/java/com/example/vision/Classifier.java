package com.example.vision;

/** A model that takes an image and answers with scores. Not to be used by two threads at once. */
public final class Classifier implements AutoCloseable {
  static {
    System.loadLibrary("classifier_jni");
  }

  private long module;

  /** Loads a `.ptl` file; throws IllegalStateException for what is no model. */
  public Classifier(String path) {
    module = load(path);
  }

  /** Runs the model on row-major float32 pixels of a shape such as {1, 3, 32, 32}. */
  public float[] scores(float[] pixels, long... shape) {
    if (module == 0) {
      throw new IllegalStateException("the model is closed");
    }
    return run(module, pixels, shape);
  }

  @Override
  public void close() {
    free(module);
    module = 0;
  }

  private static native long load(String path);

  private static native float[] run(long module, float[] pixels, long[] shape);

  private static native void free(long module);
}
