package org.pytorch;

import java.io.File;
import java.nio.ByteBuffer;
import java.util.Map;

/**
 * A loaded model.
 *
 * <p>Any number of threads may run its methods. Methods that only read the module run beside each
 * other; one that may write to it has it for itself. Native memory is freed by {@link #close()}, else
 * some time after the module is unreachable.
 */
public class Module implements AutoCloseable {
  /** What the native module lives with. Nobody else can lock it. */
  final Object owner = new Object();
  final NativeHandle handle;

  private Module(long bytes) {
    handle = new NativeHandle(owner, bytes, NativeLibrary::freeModule, "The module is closed");
  }

  private static Module load(long bytes, Runs.Loading loading, Map<String, String> extraFiles) {
    final Module made = new Module(bytes);
    try {
      made.handle.own(Runs.load(loading));
      return made.reading(extraFiles);
    } catch (RuntimeException | Error thrown) {
      made.handle.close();
      throw thrown;
    }
  }

  /**
   * Loads a model from a file.
   *
   * @param modelPath path of a {@code .ptl} file.
   * @param extraFiles names of files that were saved beside the model, as keys; their content, read
   *     as UTF-8, is written to the values, and an empty text where there is none. May be null.
   * @param device must be {@link Device#CPU}.
   * @throws PyTorchException if the file cannot be read, is no model, or needs what the runtime
   *     lacks: then the message names all missing operators.
   * @throws IllegalArgumentException if the path is null, or for another device.
   */
  public static Module load(
      final String modelPath, final Map<String, String> extraFiles, final Device device) {
    final byte[] path = NativeLibrary.bytesWithoutZero(modelPath, "Model path");
    checkDevice(device);
    final long size = new File(modelPath).length();
    return load(size, () -> NativeLibrary.loadFile(path), extraFiles);
  }

  /** Loads a model from a file, to run on the CPU. */
  public static Module load(final String modelPath) {
    return load(modelPath, null, Device.CPU);
  }

  /**
   * Loads a model from memory: the bytes from the position of a buffer to its limit. They are only
   * read during the call. A direct buffer, such as a mapped file, is not copied.
   *
   * @param extraFiles as for {@link #load(String, Map, Device)}.
   */
  public static Module load(final ByteBuffer model, final Map<String, String> extraFiles) {
    checkModel(model);
    final int size = model.remaining();
    if (model.isDirect()) {
      return load(
          size, () -> NativeLibrary.loadBuffer(model, model.position(), size), extraFiles);
    }
    final byte[] bytes = new byte[size];
    model.duplicate().get(bytes);
    return load(bytes, extraFiles);
  }

  /** Loads a model from memory: the bytes from the position of a buffer to its limit. */
  public static Module load(final ByteBuffer model) {
    return load(model, null);
  }

  /** Loads a model from memory. The bytes are only read during the call. */
  public static Module load(final byte[] model, final Map<String, String> extraFiles) {
    checkModel(model);
    return load(model.length, () -> NativeLibrary.loadBytes(model), extraFiles);
  }

  /** Loads a model from memory. The bytes are only read during the call. */
  public static Module load(final byte[] model) {
    return load(model, null);
  }

  /**
   * Runs the method "forward".
   *
   * @param inputs arguments; those at the end that have defaults may be left out. Tensors are shared
   *     with the model, everything else is copied.
   * @throws IllegalArgumentException if the arguments are not those of the method, or the answer is
   *     of a kind that has no place in Java.
   * @throws IllegalStateException if the module or a tensor is closed.
   * @throws PyTorchException if an operator refuses its arguments, or the model raises.
   */
  public IValue forward(IValue... inputs) {
    return Runs.run(this, null, inputs);
  }

  /**
   * Runs a method.
   *
   * @throws IllegalArgumentException also if the module has no method of that name.
   * @see #forward(IValue...)
   */
  public IValue runMethod(String methodName, IValue... inputs) {
    return Runs.run(this, NativeLibrary.bytesWithoutZero(methodName, "Method name"), inputs);
  }

  /** Frees the native memory, once the runs that still go on are done. */
  public void destroy() {
    close();
  }

  /** Frees the native memory, once the runs that still go on are done. */
  @Override
  public void close() {
    handle.close();
  }

  static void checkDevice(Device device) {
    if (device != Device.CPU) {
      throw new IllegalArgumentException(
          "This runtime has kernels for Device.CPU alone, not for " + device);
    }
  }

  private static void checkModel(Object model) {
    if (model == null) {
      throw new IllegalArgumentException("Model must be not null");
    }
  }

  private Module reading(Map<String, String> extraFiles) {
    if (extraFiles == null) {
      return this;
    }
    final long address = handle.acquire();
    try {
      for (Map.Entry<String, String> each : extraFiles.entrySet()) {
        final byte[] name = NativeLibrary.bytesWithoutZero(each.getKey(), "Name of an extra file");
        final byte[] content = NativeLibrary.extraFile(address, name);
        each.setValue(content == null ? "" : NativeLibrary.text(content));
      }
      return this;
    } finally {
      handle.release();
      NativeHandle.keepUntilHere(owner);
    }
  }
}
