package org.pytorch;

/** A model that cannot be loaded, or whose run failed. The message is that of the runtime. */
public class PyTorchException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final String pythonClass;

  PyTorchException(String message, String pythonClass) {
    super(message);
    this.pythonClass = pythonClass;
  }

  /**
   * Returns the Python class of what the model itself raised, such as {@code builtins.ValueError};
   * empty if an operator failed, or where the model does not tell.
   */
  public String pythonClass() {
    return pythonClass;
  }
}
