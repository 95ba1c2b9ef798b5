package org.pytorch;

import android.content.res.AssetManager;

/** Modules from assets, and the threads that all modules share. */
public final class PyTorchAndroid {
  /**
   * Loads a module from the assets of the app.
   *
   * @see LiteModuleLoader#loadModuleFromAsset(AssetManager, String, Device)
   */
  public static Module loadModuleFromAsset(
      final AssetManager assetManager, final String assetName, final Device device) {
    return LiteModuleLoader.loadModuleFromAsset(assetManager, assetName, device);
  }

  /** Loads a module from the assets of the app, to run on the CPU. */
  public static Module loadModuleFromAsset(
      final AssetManager assetManager, final String assetName) {
    return LiteModuleLoader.loadModuleFromAsset(assetManager, assetName);
  }

  /**
   * Sets how many threads a run may use, the calling one included. It holds for all modules, and
   * waits until no module runs.
   *
   * @throws IllegalArgumentException if it is less than 1, or more than the runtime takes (256).
   */
  public static void setNumThreads(int numThreads) {
    if (numThreads < 1) {
      throw new IllegalArgumentException("Number of threads cannot be less than 1");
    }
    Runs.setThreadCount(numThreads);
  }
}
