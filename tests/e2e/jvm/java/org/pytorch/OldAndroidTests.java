package org.pytorch;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.nio.FloatBuffer;
import java.nio.file.Paths;
import org.junit.Test;

/** Answers on an Android whose views do not keep native memory: a fake one, of level 26. */
public class OldAndroidTests {
  private final Module module =
      Module.load(Paths.get(System.getProperty("models"), "values.ptl").toString());

  private static final float[] NUMBERS = {1, 2, 3, 4, 5, 6};

  private Tensor answer(String method, FloatBuffer buffer) {
    final Tensor given = Tensor.fromBlob(buffer, new long[] {2, 3});
    return module.runMethod(method, IValue.from(given)).toTensor();
  }

  private static FloatBuffer numbers() {
    final FloatBuffer buffer = Tensor.allocateFloatBuffer(6);
    buffer.put(NUMBERS);
    return buffer;
  }

  @Test
  public void aViewIsOfMemoryThatItKeeps() {
    final FloatBuffer shared = numbers();
    final Tensor tensor = answer("same", shared);
    final FloatBuffer view = tensor.dataAsFloatBuffer();
    shared.put(0, 9);
    assertEquals(1, view.get(0), 0);
    tensor.close();
    assertEquals(6, view.get(5), 0);
    assertThrows(IllegalStateException.class, () -> tensor.dataAsFloatBuffer());
    assertThrows(IllegalStateException.class, () -> module.forward(IValue.from(tensor)));
  }

  @Test
  public void aTensorIsWhatItsViewsSay() {
    final Tensor tensor = answer("transposed", numbers());
    final FloatBuffer view = tensor.dataAsFloatBuffer();
    assertArrayEquals(new float[] {1, 4, 2, 5, 3, 6}, tensor.getDataAsFloatArray(), 0);
    view.put(1, 7);
    assertEquals(7, tensor.dataAsFloatBuffer().get(1), 0);
    assertArrayEquals(new float[] {1, 4, 7, 5, 3, 6}, tensor.getDataAsFloatArray(), 0);
    final Tensor more = module.forward(IValue.from(tensor)).toTensor();
    assertArrayEquals(new float[] {2, 5, 8, 6, 4, 7}, more.getDataAsFloatArray(), 0);
    assertArrayEquals(new long[] {3, 2}, more.shape());
  }

  @Test
  public void withoutAViewMemoryIsShared() {
    final FloatBuffer shared = numbers();
    final Tensor tensor = answer("same", shared);
    shared.put(0, 9);
    assertEquals(9, tensor.getDataAsFloatArray()[0], 0);
    tensor.close();
    assertThrows(IllegalStateException.class, () -> tensor.getDataAsFloatArray());
  }
}
