package org.pytorch;

import android.content.res.AssetManager;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Map;

/** Loads models for the lite interpreter, which are all that a {@link Module} can be made of. */
public class LiteModuleLoader {
  private static final int CHUNK = 1 << 16;

  /** Loads a model from a file. See {@link Module#load(String, Map, Device)}. */
  public static Module load(
      final String modelPath, final Map<String, String> extraFiles, final Device device) {
    return Module.load(modelPath, extraFiles, device);
  }

  /** Loads a model from a file, to run on the CPU. */
  public static Module load(final String modelPath) {
    return Module.load(modelPath);
  }

  /** Loads a model from memory. See {@link Module#load(ByteBuffer, Map)}. */
  public static Module load(final ByteBuffer model, final Map<String, String> extraFiles) {
    return Module.load(model, extraFiles);
  }

  /** Loads a model from memory. See {@link Module#load(ByteBuffer)}. */
  public static Module load(final ByteBuffer model) {
    return Module.load(model);
  }

  /** Loads a model from memory. See {@link Module#load(byte[], Map)}. */
  public static Module load(final byte[] model, final Map<String, String> extraFiles) {
    return Module.load(model, extraFiles);
  }

  /** Loads a model from memory. See {@link Module#load(byte[])}. */
  public static Module load(final byte[] model) {
    return Module.load(model);
  }

  /**
   * Loads a model from the assets of the app. It is read as a whole; a file needs less memory.
   *
   * @throws IllegalArgumentException if there is no such asset, or for another device than the CPU.
   * @throws PyTorchException as {@link Module#load(String, Map, Device)} does.
   */
  public static Module loadModuleFromAsset(
      final AssetManager assetManager, final String assetName, final Device device) {
    if (assetManager == null || assetName == null) {
      throw new IllegalArgumentException("Asset manager and name must be not null");
    }
    Module.checkDevice(device);
    try (InputStream asset = assetManager.open(assetName)) {
      return Module.load(contentOf(asset));
    } catch (IOException caught) {
      throw new IllegalArgumentException(
          String.format("Failed to open asset '%s'", assetName), caught);
    }
  }

  /** Loads a model from the assets of the app, to run on the CPU. */
  public static Module loadModuleFromAsset(
      final AssetManager assetManager, final String assetName) {
    return loadModuleFromAsset(assetManager, assetName, Device.CPU);
  }

  private static byte[] contentOf(InputStream stream) throws IOException {
    final ByteArrayOutputStream content = new ByteArrayOutputStream(CHUNK);
    final byte[] chunk = new byte[CHUNK];
    for (int count = stream.read(chunk); count >= 0; count = stream.read(chunk)) {
      content.write(chunk, 0, count);
    }
    return content.toByteArray();
  }
}
