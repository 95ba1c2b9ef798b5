package org.pytorch;

import static java.nio.ByteOrder.nativeOrder;
import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReadWriteLock;
import org.junit.After;
import org.junit.Test;

/** The model of values.py, run from Java. */
public class ModuleTests {
  private static final long[] TWO = {2};
  private static final Path PATH = Paths.get(System.getProperty("models"), "values.ptl");

  private final Module module = Module.load(PATH.toString());

  @After
  public void close() {
    module.close();
  }

  private static IValue floats(float... numbers) {
    return IValue.from(Tensor.fromBlob(numbers, new long[] {numbers.length}));
  }

  private static void refused(String text, org.junit.function.ThrowingRunnable run) {
    TensorTests.refused(text, run);
  }

  private static void failed(String text, org.junit.function.ThrowingRunnable run) {
    final Exception thrown = assertThrows(PyTorchException.class, run);
    assertTrue(thrown.getMessage(), thrown.getMessage().contains(text));
  }

  @Test
  public void loadsFromAnywhere() throws IOException {
    final byte[] bytes = Files.readAllBytes(PATH);
    final ByteBuffer padded = ByteBuffer.allocateDirect(bytes.length + 7);
    padded.position(3);
    padded.put(bytes);
    padded.flip().position(3);
    try (FileChannel channel = FileChannel.open(PATH)) {
      final ByteBuffer mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, bytes.length);
      for (Module each :
          new Module[] {
            Module.load(bytes),
            Module.load(ByteBuffer.wrap(bytes)),
            Module.load(padded),
            Module.load(mapped),
            LiteModuleLoader.load(bytes),
            LiteModuleLoader.load(mapped),
            LiteModuleLoader.load(PATH.toString(), null, Device.CPU),
          }) {
        assertEquals(2, each.forward(floats(1)).toTensor().getDataAsFloatArray()[0], 0);
        each.close();
      }
    }
    assertEquals(3, padded.position());
  }

  @Test
  public void extraFilesAreWrittenBack() throws IOException {
    final Map<String, String> files = new HashMap<>();
    files.put("labels.txt", null);
    files.put("none.txt", "before");
    Module.load(PATH.toString(), files, Device.CPU).close();
    assertEquals("cat\nhünd 🐕\n", files.get("labels.txt"));
    assertEquals("", files.get("none.txt"));
    files.put("labels.txt", "");
    Module.load(Files.readAllBytes(PATH), files).close();
    assertEquals("cat\nhünd 🐕\n", files.get("labels.txt"));
    assertThrows(
        UnsupportedOperationException.class,
        () -> Module.load(PATH.toString(), Collections.singletonMap("labels.txt", ""), Device.CPU));
    refused(
        "Name of an extra file must be not null",
        () -> Module.load(PATH.toString(), new HashMap<>(Collections.singletonMap(null, "")), Device.CPU));
  }

  @Test
  public void whatIsNoModelIsRefused() {
    failed("cannot read", () -> Module.load("/nowhere/ünd 🐕.ptl"));
    failed("", () -> Module.load(new byte[0]));
    failed("", () -> Module.load(ByteBuffer.allocateDirect(0)));
    failed("", () -> Module.load("no model".getBytes()));
    refused("Model path must be not null", () -> Module.load((String) null));
    refused("zero character", () -> Module.load(PATH + "\0.txt"));
    refused("Model must be not null", () -> Module.load((byte[]) null));
    refused("Model must be not null", () -> Module.load((ByteBuffer) null));
    refused("not for VULKAN", () -> LiteModuleLoader.load(PATH.toString(), null, Device.VULKAN));
    refused("not for null", () -> Module.load(PATH.toString(), null, null));
    final Path other = Paths.get(System.getProperty("models"), "missing.ptl");
    failed("aten::sinh", () -> Module.load(other.toString()));
    failed("aten::cosh", () -> Module.load(other.toString()));
  }

  @Test
  public void argumentsAreChecked() {
    refused("", () -> module.forward());
    refused("", () -> module.forward(IValue.from("text")));
    refused("no method 'none'", () -> module.runMethod("none"));
    refused("zero character", () -> module.runMethod("forward\0", floats(1)));
    refused("Method name must be not null", () -> module.runMethod(null));
    refused("Inputs must be not null", () -> module.forward((IValue[]) null));
    refused("value of the inputs is null", () -> module.forward((IValue) null));
    refused("is null", () -> module.forward(IValue.from((Tensor) null)));
    refused("is null", () -> module.runMethod("refuse", IValue.from((String) null)));
    refused("tensor of the inputs is null", () -> module.runMethod("tensors", IValue.listFrom(new Tensor[1])));
    refused("is null", () -> module.runMethod("flags", IValue.listFrom((boolean[]) null)));
    refused("value of the inputs is null", () -> module.runMethod("strings", IValue.tupleFrom(new IValue[1])));
    final IValue[] items = {null};
    final IValue endless = IValue.tupleFrom(items);
    items[0] = endless;
    refused("too deeply", () -> module.forward(endless));
    final ByteBuffer odd = Tensor.allocateByteBuffer(9);
    odd.position(1);
    final Tensor unaligned =
        Tensor.fromBlob(odd.slice().order(java.nio.ByteOrder.nativeOrder()), DType.FLOAT32, TWO);
    refused("begins inside of an element", () -> module.forward(IValue.from(unaligned)));
  }

  @Test
  public void whatTheModelRaisesIsTold() {
    final PyTorchException thrown =
        assertThrows(PyTorchException.class, () -> module.runMethod("refuse", IValue.from("nö 🐕")));
    assertEquals("nö 🐕", thrown.getMessage());
    assertEquals("builtins.ValueError", thrown.pythonClass());
    assertEquals(0, module.runMethod("refuse", IValue.from("")).toLong());
  }

  @Test
  public void textsKeepEveryCharacter() {
    final IValue[] texts = {IValue.from(""), IValue.from("a\0b"), IValue.from("ü 🐕 три")};
    final IValue[] back = module.runMethod("strings", IValue.listFrom(texts)).toList();
    for (int i = 0; i < texts.length; i++) {
      assertEquals(texts[i].toStr(), back[i].toStr());
    }
  }

  @Test
  public void listsOfEveryKind() {
    assertArrayEquals(
        new boolean[] {true, false},
        module.runMethod("flags", IValue.listFrom(true, false)).toBoolList());
    assertArrayEquals(
        new double[] {0.1, -0.0},
        module.runMethod("doubles", IValue.listFrom(0.1, -0.0)).toDoubleList(),
        0);
    final Tensor[] tensors =
        module.runMethod("tensors", IValue.listFrom(floats(1).toTensor(), floats(2).toTensor()))
            .toTensorList();
    assertEquals(2, tensors[1].getDataAsFloatArray()[0], 0);
    final IValue mixed = module.runMethod("optional", IValue.optionalNull());
    assertTrue(mixed.toList()[0].isNull());
    assertEquals(7, mixed.toList()[1].toLong());
    assertArrayEquals(
        new long[] {1, 7}, module.runMethod("optional", IValue.from(1)).toLongList());
  }

  @Test
  public void anEmptyListIsOfEveryKind() {
    final IValue empty = module.runMethod("strings", IValue.listFrom(new IValue[0]));
    assertTrue(empty.isList() && empty.isLongList() && empty.isTensorList());
    assertFalse(empty.isTuple() || empty.isDictLongKey());
    assertEquals(0, empty.toDoubleList().length);
    assertEquals(0, module.runMethod("strings", empty).toBoolList().length);
    final IValue none = module.runMethod("by_name", IValue.dictStringKeyFrom(new HashMap<>()));
    assertTrue(none.isDictLongKey() && none.isDictStringKey());
    assertTrue(module.runMethod("by_number", none).toDictLongKey().isEmpty());
    IValue.listFrom(empty, IValue.listFrom(1L), IValue.listFrom(2L));
    refused("same type", () -> IValue.listFrom(empty, IValue.from(1)));
    refused("same type", () -> IValue.listFrom(IValue.from(true), IValue.from(1)));
    refused("must be not null", () -> IValue.listFrom(IValue.from(true), null));
  }

  @Test
  public void valuesInsideOfValues() {
    final Map<String, IValue> made = module.runMethod("nested", floats(5)).toDictStringKey();
    assertEquals(Arrays.asList("a", "b"), new java.util.ArrayList<>(made.keySet()));
    final IValue[] tuple = made.get("b").toList()[1].toTuple();
    assertEquals(5, tuple[0].toTensor().getDataAsFloatArray()[0], 0);
    assertEquals(3, tuple[1].toLong());
    assertEquals("три", tuple[2].toStr());
    final Map<Long, IValue> numbers = Collections.singletonMap(-3L, IValue.from("x"));
    final IValue back = module.runMethod("by_number", IValue.dictLongKeyFrom(numbers));
    assertEquals("x", back.toDictLongKey().get(-3L).toStr());
    assertThrows(IllegalStateException.class, () -> back.toDictStringKey());
  }

  @Test
  public void whatHasNoPlaceInJavaIsRefused() {
    refused("Unsupported IValue-Dict key type: Double", () -> module.runMethod("by_double"));
    refused("a complex number", () -> module.runMethod("complex_number"));
    final Exception thrown =
        assertThrows(IllegalStateException.class, () -> IValue.from(1).toTensor());
    assertEquals("Expected IValue type Tensor, actual type Long", thrown.getMessage());
  }

  @Test
  public void tensorsOfEveryTypePassThrough() {
    for (DType dtype : DType.values()) {
      final ByteBuffer bytes = Tensor.allocateByteBuffer(2 * dtype.size);
      bytes.put(dtype.size, (byte) 1);
      final Tensor given = Tensor.fromBlob(bytes, dtype, TWO);
      final Tensor back = module.runMethod("same", IValue.from(given)).toTensor();
      assertEquals(dtype, back.dtype());
      assertEquals(given.toString(), back.toString());
    }
    final boolean[] flags = {true, false};
    final IValue bools = IValue.from(Tensor.fromBlob(flags, TWO));
    assertArrayEquals(
        flags, module.runMethod("same", bools).toTensor().getDataAsBooleanArray());
  }

  @Test
  public void tensorsWithoutElements() {
    final IValue empty = IValue.from(Tensor.fromBlob(new float[0], new long[] {0, 3}));
    final Tensor back = module.runMethod("same", empty).toTensor();
    assertArrayEquals(new long[] {0, 3}, back.shape());
    assertEquals(0, back.getDataAsFloatArray().length);
    assertEquals(0, back.dataAsFloatBuffer().remaining());
    assertEquals(0, module.runMethod("zeros", IValue.from(0)).toTensor().numel());
  }

  @Test
  public void memoryThatNativeCannotReachIsRefused() throws ReflectiveOperationException {
    final Method of =
        Tensor.class.getDeclaredMethod(
            "of", DType.class, Buffer.class, long[].class, MemoryFormat.class);
    of.setAccessible(true);
    final Tensor tensor =
        (Tensor)
            of.invoke(null, DType.FLOAT32, FloatBuffer.allocate(2), TWO, MemoryFormat.CONTIGUOUS);
    refused(
        "the buffer of a tensor is not direct memory", () -> module.forward(IValue.from(tensor)));
    final Tensor empty =
        (Tensor)
            of.invoke(
                null, DType.FLOAT32, FloatBuffer.allocate(0), new long[] {2, 0},
                MemoryFormat.CONTIGUOUS);
    assertEquals(0, module.forward(IValue.from(empty)).toTensor().numel());
  }

  @Test
  public void stridesAreKept() {
    final IValue given =
        IValue.from(Tensor.fromBlob(new float[] {1, 2, 3, 4, 5, 6}, new long[] {2, 3}));
    final IValue turned = module.runMethod("transposed", given);
    final Tensor tensor = turned.toTensor();
    assertArrayEquals(new long[] {3, 2}, tensor.shape());
    assertArrayEquals(new long[] {1, 3}, tensor.strides());
    assertArrayEquals(new float[] {1, 4, 2, 5, 3, 6}, tensor.getDataAsFloatArray(), 0);
    assertEquals(2, tensor.dataAsFloatBuffer().get(1), 0); // as it lies in memory
    final Tensor back = module.runMethod("transposed", turned).toTensor();
    assertArrayEquals(new long[] {3, 1}, back.strides());
    final float[] target = new float[6];
    tensor.copyDataInto(target);
    assertArrayEquals(new float[] {1, 4, 2, 5, 3, 6}, target, 0);
  }

  @Test
  public void channelsLastNeedsNoBatch() {
    final float[] numbers = {1, 2, 3, 4, 5, 6};
    final Tensor image =
        Tensor.fromBlob(numbers, new long[] {3, 1, 2}, MemoryFormat.CHANNELS_LAST);
    assertArrayEquals(numbers, image.getDataAsFloatArray(), 0);
    final float[] target = new float[6];
    image.copyDataInto(target);
    assertArrayEquals(numbers, target, 0);
    final Tensor volume =
        Tensor.fromBlob(numbers, new long[] {3, 1, 1, 2}, MemoryFormat.CHANNELS_LAST_3D);
    assertArrayEquals(numbers, volume.getDataAsFloatArray(), 0);
    final Tensor answer = module.forward(IValue.from(image)).toTensor();
    assertEquals(MemoryFormat.CONTIGUOUS, answer.memoryFormat());
    assertArrayEquals(new long[] {1, 6, 3}, answer.strides());
    assertArrayEquals(new float[] {2, 5, 3, 6, 4, 7}, answer.getDataAsFloatArray(), 0);
  }

  @Test
  public void memoryIsShared() {
    final FloatBuffer buffer = Tensor.allocateFloatBuffer(2);
    final IValue given = IValue.from(Tensor.fromBlob(buffer, TWO));
    final Tensor back = module.runMethod("add_in_place", given).toTensor();
    assertEquals(1, buffer.get(1), 0);
    buffer.put(1, 6);
    assertEquals(6, back.getDataAsFloatArray()[1], 0);
    back.dataAsFloatBuffer().put(0, 4);
    assertEquals(4, buffer.get(0), 0);
  }

  @Test
  public void memoryThatIsOnlyReadIsCopied() throws IOException {
    try (FileChannel channel = FileChannel.open(PATH)) {
      final ByteBuffer mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, 8);
      final Tensor bytes = Tensor.fromBlobUnsigned(mapped.order(nativeOrder()), new long[] {8});
      final byte first = mapped.get(0);
      final Tensor more = module.runMethod("add_in_place", IValue.from(bytes)).toTensor();
      assertEquals(first + 1, more.getDataAsUnsignedByteArray()[0]);
      assertEquals(first + 1, bytes.getDataAsUnsignedByteArray()[0]);
      assertEquals(first, mapped.get(0));
    }
    final LongBuffer longs = Tensor.allocateLongBuffer(2);
    longs.put(0, 5).put(1, -6).position(1);
    final ByteBuffer numbers = Tensor.allocateByteBuffer(8);
    numbers.putFloat(4, 7);
    for (Tensor each :
        new Tensor[] {
          Tensor.fromBlob(longs.asReadOnlyBuffer(), TWO),
          Tensor.fromBlob(numbers.asReadOnlyBuffer().order(nativeOrder()), DType.FLOAT32, TWO),
        }) {
      final Tensor before = module.runMethod("forward", IValue.from(each)).toTensor();
      module.runMethod("add_in_place", IValue.from(each));
      if (each.dtype() == DType.INT64) {
        assertArrayEquals(new long[] {6, -5}, before.getDataAsLongArray());
        assertArrayEquals(new long[] {6, -5}, each.getDataAsLongArray());
      } else {
        assertArrayEquals(new float[] {1, 8}, before.getDataAsFloatArray(), 0);
        assertArrayEquals(new float[] {1, 8}, each.getDataAsFloatArray(), 0);
      }
    }
    assertEquals(-6, longs.get(1));
    assertEquals(7, numbers.getFloat(4), 0);
  }

  @Test
  public void anAnswerOutlivesItsArgument() {
    Tensor[] kept = new Tensor[200];
    for (int i = 0; i < kept.length; i++) {
      final float[] data = new float[10_000];
      Arrays.fill(data, i);
      kept[i] = module.runMethod("same", floats(data)).toTensor();
    }
    module.runMethod("keep", floats(1, 2, 3));
    System.gc();
    for (int i = 0; i < 50; i++) {
      Tensor.allocateFloatBuffer(10_000);
    }
    for (int i = 0; i < kept.length; i++) {
      assertEquals(i, kept[i].getDataAsFloatArray()[9_999], 0);
    }
    assertEquals(6, module.runMethod("kept_sum").toTensor().getDataAsFloatArray()[0], 0);
  }

  @Test
  public void whatIsClosedSaysSo() {
    final IValue answer = module.forward(floats(1, 2));
    final Tensor tensor = answer.toTensor();
    final IValue again = module.runMethod("same", answer);
    tensor.close();
    assertThrows(IllegalStateException.class, () -> tensor.getDataAsFloatArray());
    assertThrows(IllegalStateException.class, () -> module.forward(answer));
    assertEquals(3, again.toTensor().getDataAsFloatArray()[1], 0);
    final Tensor closed = Tensor.fromBlob(new float[2], TWO);
    closed.close();
    assertThrows(IllegalStateException.class, () -> module.forward(IValue.from(closed)));
    module.destroy();
    module.close();
    final Exception thrown =
        assertThrows(IllegalStateException.class, () -> module.forward(floats(1)));
    assertEquals("The module is closed", thrown.getMessage());
    assertEquals(3, again.toTensor().getDataAsFloatArray()[1], 0);
  }

  @Test
  public void aViewOutlivesClosing() {
    final Tensor tensor = module.forward(floats(1, 2)).toTensor();
    final FloatBuffer view = tensor.dataAsFloatBuffer();
    tensor.close();
    for (int i = 0; i < 1000; i++) {
      module.forward(floats(8, 9)).toTensor().close();
    }
    assertEquals(3, view.get(1), 0);
  }

  @Test
  public void loadingWaitsForTheNumberOfThreads() throws Exception {
    final Field field = Runs.class.getDeclaredField("LOCK");
    field.setAccessible(true);
    final ReadWriteLock lock = (ReadWriteLock) field.get(null);
    final byte[] bytes = Files.readAllBytes(PATH);
    final ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length);
    direct.put(bytes).flip();
    final List<Callable<Module>> ways =
        Arrays.asList(
            () -> Module.load(PATH.toString()),
            () -> Module.load(bytes),
            () -> Module.load(direct));
    for (Callable<Module> way : ways) {
      final FutureTask<Module> loading = new FutureTask<>(way);
      lock.writeLock().lock();
      try {
        new Thread(loading).start();
        assertThrows(TimeoutException.class, () -> loading.get(200, TimeUnit.MILLISECONDS));
      } finally {
        lock.writeLock().unlock();
      }
      loading.get().close();
    }
  }

  @Test
  public void threadsAreCounted() {
    PyTorchAndroid.setNumThreads(2);
    module.forward(floats(1));
    PyTorchAndroid.setNumThreads(1);
    refused("cannot be less than 1", () -> PyTorchAndroid.setNumThreads(0));
    refused("256", () -> PyTorchAndroid.setNumThreads(257));
    PyTorchCodegenLoader.loadNativeLibs();
  }
}
