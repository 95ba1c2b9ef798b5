package org.pytorch;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import android.content.res.AssetManager;
import java.nio.file.Paths;
import org.junit.Test;

/** Models in assets, with a manager that reads them from a folder. */
public class AssetTests {
  private final AssetManager assets = new AssetManager(Paths.get(System.getProperty("models")));

  @Test
  public void modelsAreLoadedFromAssets() {
    for (Module each :
        new Module[] {
          LiteModuleLoader.loadModuleFromAsset(assets, "values.ptl"),
          PyTorchAndroid.loadModuleFromAsset(assets, "values.ptl"),
          PyTorchAndroid.loadModuleFromAsset(assets, "values.ptl", Device.CPU),
        }) {
      assertEquals(0, each.runMethod("zeros", IValue.from(0)).toTensor().numel());
      each.close();
    }
  }

  @Test
  public void whatIsNoAssetIsRefused() {
    final Exception thrown =
        assertThrows(
            IllegalArgumentException.class,
            () -> LiteModuleLoader.loadModuleFromAsset(assets, "none.ptl"));
    assertEquals("Failed to open asset 'none.ptl'", thrown.getMessage());
    TensorTests.refused(
        "must be not null", () -> LiteModuleLoader.loadModuleFromAsset(null, "values.ptl"));
    TensorTests.refused(
        "must be not null", () -> LiteModuleLoader.loadModuleFromAsset(assets, null));
    TensorTests.refused(
        "not for VULKAN",
        () -> LiteModuleLoader.loadModuleFromAsset(assets, "values.ptl", Device.VULKAN));
  }
}
