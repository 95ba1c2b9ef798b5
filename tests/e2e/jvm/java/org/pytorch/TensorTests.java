package org.pytorch;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.Test;

/** Tensors that are made, read and closed in Java, without a model. */
public class TensorTests {
  private static final long[] TWO = {2};

  static void refused(String text, org.junit.function.ThrowingRunnable run) {
    final Exception thrown = assertThrows(IllegalArgumentException.class, run);
    assertTrue(thrown.getMessage(), thrown.getMessage().contains(text));
  }

  @Test
  public void everyArrayComesBack() {
    assertArrayEquals(
        new byte[] {-1, 2}, Tensor.fromBlob(new byte[] {-1, 2}, TWO).getDataAsByteArray());
    assertArrayEquals(
        new byte[] {-1, 2},
        Tensor.fromBlobUnsigned(new byte[] {-1, 2}, TWO).getDataAsUnsignedByteArray());
    assertArrayEquals(
        new short[] {-1, 2}, Tensor.fromBlob(new short[] {-1, 2}, TWO).getDataAsShortArray());
    assertArrayEquals(
        new int[] {-1, 2}, Tensor.fromBlob(new int[] {-1, 2}, TWO).getDataAsIntArray());
    assertArrayEquals(
        new long[] {-1, 2}, Tensor.fromBlob(new long[] {-1, 2}, TWO).getDataAsLongArray());
    assertArrayEquals(
        new float[] {-1, 2}, Tensor.fromBlob(new float[] {-1, 2}, TWO).getDataAsFloatArray(), 0);
    assertArrayEquals(
        new double[] {-1, 2}, Tensor.fromBlob(new double[] {-1, 2}, TWO).getDataAsDoubleArray(), 0);
    assertArrayEquals(
        new boolean[] {true, false},
        Tensor.fromBlob(new boolean[] {true, false}, TWO).getDataAsBooleanArray());
  }

  @Test
  public void textIsThatOfTorch() {
    final Tensor tensor = Tensor.fromBlob(new float[3], new long[] {1, 3});
    assertEquals("Tensor([1, 3], dtype=torch.float32)", tensor.toString());
    assertEquals(
        "Tensor([2], dtype=torch.bool)", Tensor.fromBlob(new boolean[2], TWO).toString());
  }

  @Test
  public void wrongTypeIsIllegalState() {
    final Tensor tensor = Tensor.fromBlob(new float[2], TWO);
    final Exception thrown =
        assertThrows(IllegalStateException.class, () -> tensor.getDataAsLongArray());
    assertEquals(
        "Tensor of type Tensor_float32 cannot return data as long array.", thrown.getMessage());
    assertThrows(IllegalStateException.class, () -> tensor.dataAsByteBuffer());
    assertThrows(IllegalStateException.class, () -> tensor.copyDataInto(new int[2]));
    assertThrows(IllegalStateException.class, () -> tensor.getDataAsBooleanArray());
    assertThrows(IllegalStateException.class, () -> tensor.getDataAsUnsignedByteArray());
  }

  @Test
  public void aBufferIsSharedWhateverItsPosition() {
    final FloatBuffer buffer = Tensor.allocateFloatBuffer(3);
    buffer.put(1).put(2);
    final Tensor tensor = Tensor.fromBlob(buffer, new long[] {3});
    buffer.put(0, 9);
    assertArrayEquals(new float[] {9, 2, 0}, tensor.getDataAsFloatArray(), 0);
    assertEquals(2, buffer.position());
    final FloatBuffer view = tensor.dataAsFloatBuffer();
    view.put(1, 7);
    assertEquals(7, buffer.get(1), 0);
    assertEquals(3, view.remaining());
  }

  @Test
  public void bytesAreElementsOfAnyType() {
    final ByteBuffer bytes = Tensor.allocateByteBuffer(16);
    bytes.putFloat(0, 1.5f).putFloat(4, -2f);
    final Tensor complex = Tensor.fromBlob(bytes, DType.COMPLEX64, TWO);
    assertArrayEquals(new float[] {1.5f, -2, 0, 0}, complex.getDataAsFloatArray(), 0);
    assertEquals(2, complex.numel());
    assertEquals(4, complex.dataAsFloatBuffer().remaining());
    assertEquals(DType.INT16, Tensor.fromBlob(bytes, DType.INT16, new long[] {8}).dtype());
    refused("capacity:1 and", () -> Tensor.fromBlob(bytes, DType.COMPLEX128, new long[] {1, 1, 2}));
    refused(
        "whole elements",
        () -> Tensor.fromBlob(Tensor.allocateByteBuffer(3), DType.FLOAT16, new long[] {1}));
    refused("Data type must be", () -> Tensor.fromBlob(bytes, (DType) null, TWO));
  }

  @Test
  public void halvesAreWidened() {
    final short[] bits = {0x3c00, (short) 0xc000, 0x0001, 0x7bff, 0x7c00, (short) 0x8000, 0x7e00};
    final ByteBuffer bytes = Tensor.allocateByteBuffer(2 * bits.length);
    bytes.asShortBuffer().put(bits);
    final long[] shape = {bits.length};
    final Tensor half = Tensor.fromBlob(bytes, DType.FLOAT16, shape);
    assertArrayEquals(
        new float[] {
          1, -2, 0x1p-24f, 65504, Float.POSITIVE_INFINITY, -0f, Float.NaN
        },
        half.getDataAsFloatArray(),
        0);
    assertArrayEquals(bits, half.getDataAsShortArray());
    bytes.putShort(0, (short) 0x3fc0);
    assertEquals(1.5f, Tensor.fromBlob(bytes, DType.BFLOAT16, shape).getDataAsFloatArray()[0], 0);
  }

  @Test
  public void copiesGoIntoWhatIsThere() {
    final Tensor tensor = Tensor.fromBlob(new short[] {4, 5}, TWO);
    final ShortBuffer target = ShortBuffer.allocate(3);
    target.put((short) 1);
    tensor.copyDataInto(target);
    assertArrayEquals(new short[] {1, 4, 5}, target.array());
    assertFalse(target.hasRemaining());
    refused("do not fit", () -> tensor.copyDataInto(target));
    refused("do not fit", () -> tensor.copyDataInto(new short[1]));
  }

  @Test
  public void shapesAndBuffersAreChecked() {
    refused("Shape must be not null", () -> Tensor.fromBlob(new int[2], null));
    refused("Shape elements must be", () -> Tensor.fromBlob(new int[2], new long[] {-2, -1}));
    refused("Inconsistent data capacity:2", () -> Tensor.fromBlob(new int[2], new long[] {3}));
    refused("Data array must be not null", () -> Tensor.fromBlob((int[]) null, TWO));
    refused("Data buffer must be not null", () -> Tensor.fromBlob((FloatBuffer) null, TWO));
    refused("must be direct", () -> Tensor.fromBlob(FloatBuffer.allocate(2), TWO));
    refused("must be direct", () -> Tensor.fromBlob(ByteBuffer.allocate(2), TWO));
    final ByteBuffer swapped = ByteBuffer.allocateDirect(8).order(other());
    refused("native byte order", () -> Tensor.fromBlob(swapped.asIntBuffer(), TWO));
    refused("Memory format must be", () -> Tensor.fromBlob(new int[2], TWO, null));
    refused(
        "cannot be CHANNELS_LAST", () -> Tensor.fromBlob(new int[2], TWO, MemoryFormat.CHANNELS_LAST));
    refused("cannot hold -1", () -> Tensor.allocateIntBuffer(-1));
    refused("cannot hold 2147483647", () -> Tensor.allocateLongBuffer(Integer.MAX_VALUE));
  }

  @Test
  public void aShapeThatChangesIsReadOnce() throws InterruptedException {
    final long[] shape = {2};
    final FloatBuffer buffer = Tensor.allocateFloatBuffer(2);
    final AtomicBoolean done = new AtomicBoolean();
    final Thread changing =
        new Thread(
            () -> {
              while (!done.get()) {
                shape[0] = 5 - shape[0];
                Thread.yield();
              }
            });
    changing.setDaemon(true);
    changing.start();
    int made = 0;
    final long end = System.nanoTime() + 2_000_000_000L;
    while (made < 100_000 && System.nanoTime() < end) {
      try {
        final Tensor tensor = Tensor.fromBlob(buffer, shape);
        made++;
        assertEquals(2, tensor.numel());
        assertEquals(2, Tensor.fromBlob(new int[2], shape).numel());
      } catch (IllegalArgumentException ignored) { // it had the other shape
      }
    }
    done.set(true);
    changing.join();
    assertTrue(made > 0);
  }

  private static ByteOrder other() {
    return ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN
        ? ByteOrder.LITTLE_ENDIAN
        : ByteOrder.BIG_ENDIAN;
  }

  @Test
  public void elementsAreCountedAsLongs() {
    assertEquals(1L << 32, Tensor.numel(new long[] {1 << 16, 1 << 16}));
    assertEquals(0, Tensor.numel(new long[] {1L << 62, 4, 0}));
    assertEquals(1, Tensor.numel(new long[0]));
    refused("too many elements", () -> Tensor.numel(new long[] {1L << 62, 4}));
  }

  @Test
  public void channelsLastHasItsStrides() {
    final long[] shape = {2, 3, 4, 5};
    final Tensor tensor = Tensor.fromBlob(new float[120], shape, MemoryFormat.CHANNELS_LAST);
    assertArrayEquals(new long[] {60, 1, 15, 3}, tensor.strides());
    assertArrayEquals(
        new long[] {60, 20, 5, 1}, Tensor.fromBlob(new float[120], shape).strides());
    tensor.shape()[0] = 9;
    assertArrayEquals(shape, tensor.shape());
  }

  @Test
  public void aClosedTensorSaysSo() {
    final Tensor tensor = Tensor.fromBlob(new float[2], TWO);
    tensor.close();
    tensor.close();
    assertThrows(IllegalStateException.class, () -> tensor.getDataAsFloatArray());
    assertThrows(IllegalStateException.class, () -> tensor.dataAsFloatBuffer());
    assertArrayEquals(TWO, tensor.shape());
  }
}
