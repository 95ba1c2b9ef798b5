package org.pytorch;

/** Kept for code that calls it: the runtime is made with all operators of its models inside. */
public class PyTorchCodegenLoader {
  private PyTorchCodegenLoader() {}

  /** Does nothing: there is no second library with operators to load. */
  public static void loadNativeLibs() {}
}
