package org.pytorch;

/** Upstream's own tests, on our classes. */
public class UpstreamTests extends PytorchTestBase {
  @Override
  protected Module loadModel(String name) {
    return LiteModuleLoader.load(System.getProperty("models") + "/" + name);
  }
}
