package org.pytorch.torchvision;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import android.graphics.Bitmap;
import androidx.test.ext.junit.runners.AndroidJUnit4;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.pytorch.DType;
import org.pytorch.Tensor;

/** What runs on a device, too. */
@RunWith(AndroidJUnit4.class)
public class TorchVisionInstrumentedTests {
  @Test
  public void blackBitmap() {
    final Bitmap bitmap = Bitmap.createBitmap(320, 240, Bitmap.Config.ARGB_8888);
    final Tensor tensor =
        TensorImageUtils.bitmapToFloat32Tensor(
            bitmap,
            TensorImageUtils.TORCHVISION_NORM_MEAN_RGB,
            TensorImageUtils.TORCHVISION_NORM_STD_RGB);
    assertArrayEquals(new long[] {1, 3, 240, 320}, tensor.shape());
    assertEquals(DType.FLOAT32, tensor.dtype());
    final float[] elements = tensor.getDataAsFloatArray();
    final float[] black = {-0.485f / 0.229f, -0.456f / 0.224f, -0.406f / 0.225f};
    for (int i = 0; i < elements.length; i++) {
      assertEquals(black[i / (240 * 320)], elements[i], 0);
    }
  }
}
