package org.pytorch;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;

/**
 * A tensor: elements of one dtype with a shape.
 *
 * <p>One is made of an array, which is copied, or of a direct buffer with native byte order, which
 * is not: changes of the buffer change the tensor, so one tensor serves for many runs. One that can
 * only be read, such as a mapped file, is copied, for a model may write to its arguments. Positions
 * and limits of such buffers mean nothing: the tensor is all of the buffer.
 *
 * <p>Tensors that a model answers with lie in native memory. It is freed by {@link #close()}, else
 * some time after the tensor and all views of it are unreachable. An answer that shares memory with
 * an argument keeps that memory.
 *
 * <p>{@code getDataAs…Array} and {@code copyDataInto} copy the elements in the order of {@link
 * #memoryFormat()}. {@code dataAs…Buffer} give views without a copy: the elements as they lie in
 * memory, at the distances that {@link #strides()} tells. Before Android 8.1, where a view would not
 * keep native memory, the first one moves the elements of an answer to memory of Java's: what shared
 * them does so no longer.
 *
 * <p>Tensors may be used by several threads; their elements are not locked.
 */
public class Tensor implements AutoCloseable {
  private static final String CLOSED = "The tensor is closed";

  private final DType dtype;
  private final MemoryFormat memoryFormat;
  /** Whether the elements lie as the format says: those of Java do, with or without a batch. */
  private final boolean inOrder;

  // Read from native
  private final int dtypeCode;
  private final long[] shape;
  private final long[] strides;
  /** Null once it is closed. */
  private volatile Buffer data;
  /**
   * Native memory as it was given; null for memory of Java's. What its handle waits for, as views keep
   * it on newer Androids alone, and the lock of what follows.
   */
  private final ByteBuffer memory;
  /** Of memory that is not Java's; null otherwise, or once a copy took its place. */
  private NativeHandle handle;

  /** Whether a view of native memory was given away, and may be used at any time. */
  private boolean viewed;

  private Tensor(
      DType dtype,
      Buffer data,
      long[] shape,
      long[] strides,
      MemoryFormat memoryFormat,
      ByteBuffer memory,
      NativeHandle handle) {
    this.dtype = dtype;
    this.dtypeCode = dtype.code;
    this.data = data;
    this.shape = shape;
    this.strides = strides;
    this.memoryFormat = memoryFormat;
    this.inOrder = memory == null || memoryFormat.describes(shape, strides);
    this.memory = memory;
    this.handle = handle;
  }

  /** Allocates a direct {@link ByteBuffer} with native byte order. */
  public static ByteBuffer allocateByteBuffer(int numElements) {
    return allocate(numElements, 1);
  }

  /** Allocates a direct {@link ShortBuffer} with native byte order. */
  public static ShortBuffer allocateShortBuffer(int numElements) {
    return allocate(numElements, Short.BYTES).asShortBuffer();
  }

  /** Allocates a direct {@link IntBuffer} with native byte order. */
  public static IntBuffer allocateIntBuffer(int numElements) {
    return allocate(numElements, Integer.BYTES).asIntBuffer();
  }

  /** Allocates a direct {@link FloatBuffer} with native byte order. */
  public static FloatBuffer allocateFloatBuffer(int numElements) {
    return allocate(numElements, Float.BYTES).asFloatBuffer();
  }

  /** Allocates a direct {@link LongBuffer} with native byte order. */
  public static LongBuffer allocateLongBuffer(int numElements) {
    return allocate(numElements, Long.BYTES).asLongBuffer();
  }

  /** Allocates a direct {@link DoubleBuffer} with native byte order. */
  public static DoubleBuffer allocateDoubleBuffer(int numElements) {
    return allocate(numElements, Double.BYTES).asDoubleBuffer();
  }

  /** Makes a tensor of torch.uint8 with a copy of an array. */
  public static Tensor fromBlobUnsigned(byte[] data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data array must be not null");
    final long[] lengths = checkedShape(data.length, DType.UINT8, shape, memoryFormat);
    final ByteBuffer buffer = allocateByteBuffer(data.length);
    buffer.put(data);
    return of(DType.UINT8, buffer, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.uint8 with a copy of an array. */
  public static Tensor fromBlobUnsigned(byte[] data, long[] shape) {
    return fromBlobUnsigned(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.int8 with a copy of an array. */
  public static Tensor fromBlob(byte[] data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data array must be not null");
    final long[] lengths = checkedShape(data.length, DType.INT8, shape, memoryFormat);
    final ByteBuffer buffer = allocateByteBuffer(data.length);
    buffer.put(data);
    return of(DType.INT8, buffer, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.int8 with a copy of an array. */
  public static Tensor fromBlob(byte[] data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.int16 with a copy of an array. */
  public static Tensor fromBlob(short[] data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data array must be not null");
    final long[] lengths = checkedShape(data.length, DType.INT16, shape, memoryFormat);
    final ShortBuffer buffer = allocateShortBuffer(data.length);
    buffer.put(data);
    return of(DType.INT16, buffer, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.int16 with a copy of an array. */
  public static Tensor fromBlob(short[] data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.int32 with a copy of an array. */
  public static Tensor fromBlob(int[] data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data array must be not null");
    final long[] lengths = checkedShape(data.length, DType.INT32, shape, memoryFormat);
    final IntBuffer buffer = allocateIntBuffer(data.length);
    buffer.put(data);
    return of(DType.INT32, buffer, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.int32 with a copy of an array. */
  public static Tensor fromBlob(int[] data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.float32 with a copy of an array. */
  public static Tensor fromBlob(float[] data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data array must be not null");
    final long[] lengths = checkedShape(data.length, DType.FLOAT32, shape, memoryFormat);
    final FloatBuffer buffer = allocateFloatBuffer(data.length);
    buffer.put(data);
    return of(DType.FLOAT32, buffer, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.float32 with a copy of an array. */
  public static Tensor fromBlob(float[] data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.int64 with a copy of an array. */
  public static Tensor fromBlob(long[] data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data array must be not null");
    final long[] lengths = checkedShape(data.length, DType.INT64, shape, memoryFormat);
    final LongBuffer buffer = allocateLongBuffer(data.length);
    buffer.put(data);
    return of(DType.INT64, buffer, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.int64 with a copy of an array. */
  public static Tensor fromBlob(long[] data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.float64 with a copy of an array. */
  public static Tensor fromBlob(double[] data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data array must be not null");
    final long[] lengths = checkedShape(data.length, DType.FLOAT64, shape, memoryFormat);
    final DoubleBuffer buffer = allocateDoubleBuffer(data.length);
    buffer.put(data);
    return of(DType.FLOAT64, buffer, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.float64 with a copy of an array. */
  public static Tensor fromBlob(double[] data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.bool with a copy of an array. */
  public static Tensor fromBlob(boolean[] data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data array must be not null");
    final long[] lengths = checkedShape(data.length, DType.BOOL, shape, memoryFormat);
    final ByteBuffer buffer = allocateByteBuffer(data.length);
    for (boolean each : data) {
      buffer.put((byte) (each ? 1 : 0));
    }
    return of(DType.BOOL, buffer, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.bool with a copy of an array. */
  public static Tensor fromBlob(boolean[] data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.uint8 over a direct buffer with native byte order. */
  public static Tensor fromBlobUnsigned(ByteBuffer data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data buffer must be not null");
    final long[] lengths = checkedShape(data.capacity(), DType.UINT8, shape, memoryFormat);
    checkBuffer(data.isDirect(), data.order());
    return of(DType.UINT8, data, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.uint8 over a direct buffer with native byte order. */
  public static Tensor fromBlobUnsigned(ByteBuffer data, long[] shape) {
    return fromBlobUnsigned(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.int8 over a direct buffer with native byte order. */
  public static Tensor fromBlob(ByteBuffer data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data buffer must be not null");
    final long[] lengths = checkedShape(data.capacity(), DType.INT8, shape, memoryFormat);
    checkBuffer(data.isDirect(), data.order());
    return of(DType.INT8, data, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.int8 over a direct buffer with native byte order. */
  public static Tensor fromBlob(ByteBuffer data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.int16 over a direct buffer with native byte order. */
  public static Tensor fromBlob(ShortBuffer data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data buffer must be not null");
    final long[] lengths = checkedShape(data.capacity(), DType.INT16, shape, memoryFormat);
    checkBuffer(data.isDirect(), data.order());
    return of(DType.INT16, data, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.int16 over a direct buffer with native byte order. */
  public static Tensor fromBlob(ShortBuffer data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.int32 over a direct buffer with native byte order. */
  public static Tensor fromBlob(IntBuffer data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data buffer must be not null");
    final long[] lengths = checkedShape(data.capacity(), DType.INT32, shape, memoryFormat);
    checkBuffer(data.isDirect(), data.order());
    return of(DType.INT32, data, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.int32 over a direct buffer with native byte order. */
  public static Tensor fromBlob(IntBuffer data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.float32 over a direct buffer with native byte order. */
  public static Tensor fromBlob(FloatBuffer data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data buffer must be not null");
    final long[] lengths = checkedShape(data.capacity(), DType.FLOAT32, shape, memoryFormat);
    checkBuffer(data.isDirect(), data.order());
    return of(DType.FLOAT32, data, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.float32 over a direct buffer with native byte order. */
  public static Tensor fromBlob(FloatBuffer data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.int64 over a direct buffer with native byte order. */
  public static Tensor fromBlob(LongBuffer data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data buffer must be not null");
    final long[] lengths = checkedShape(data.capacity(), DType.INT64, shape, memoryFormat);
    checkBuffer(data.isDirect(), data.order());
    return of(DType.INT64, data, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.int64 over a direct buffer with native byte order. */
  public static Tensor fromBlob(LongBuffer data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Makes a tensor of torch.float64 over a direct buffer with native byte order. */
  public static Tensor fromBlob(DoubleBuffer data, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data buffer must be not null");
    final long[] lengths = checkedShape(data.capacity(), DType.FLOAT64, shape, memoryFormat);
    checkBuffer(data.isDirect(), data.order());
    return of(DType.FLOAT64, data, lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of torch.float64 over a direct buffer with native byte order. */
  public static Tensor fromBlob(DoubleBuffer data, long[] shape) {
    return fromBlob(data, shape, MemoryFormat.CONTIGUOUS);
  }

  /**
   * Makes a tensor of any dtype over a direct buffer with native byte order. It must begin at a
   * multiple of the size of an element.
   */
  public static Tensor fromBlob(
      ByteBuffer data, DType dtype, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(data != null, "Data buffer must be not null");
    checkArgument(dtype != null, "Data type must be not null");
    checkArgument(
        data.capacity() % dtype.size == 0,
        "Data buffer of %d bytes does not hold whole elements of torch.%s",
        data.capacity(),
        dtype.torchName);
    final long[] lengths = checkedShape(data.capacity() / dtype.size, dtype, shape, memoryFormat);
    checkBuffer(data.isDirect(), data.order());
    return of(dtype, numbersOf(data, dtype), lengths, memoryFormat);
  }

  /** Makes a contiguous tensor of any dtype over a direct buffer with native byte order. */
  public static Tensor fromBlob(ByteBuffer data, DType dtype, long[] shape) {
    return fromBlob(data, dtype, shape, MemoryFormat.CONTIGUOUS);
  }

  /** Returns the number of elements in this tensor. */
  public long numel() {
    return numel(shape);
  }

  /**
   * Returns the number of elements in a tensor of a shape.
   *
   * @throws IllegalArgumentException if a length is negative, or there are 2^63 elements or more.
   */
  public static long numel(long[] shape) {
    checkShape(shape);
    long count = 1;
    for (long length : shape) {
      if (length == 0) {
        return 0;
      }
    }
    for (long length : shape) {
      checkArgument(
          count <= Long.MAX_VALUE / length,
          "Shape has too many elements: %s",
          Arrays.toString(shape));
      count *= length;
    }
    return count;
  }

  /** Returns the lengths of all dimensions; the array is a fresh copy. */
  public long[] shape() {
    return shape.clone();
  }

  /** Returns the distances between neighbours in each dimension, in elements; a fresh copy. */
  public long[] strides() {
    return strides.clone();
  }

  /** Returns the order in which {@code getDataAs…Array} and {@code copyDataInto} give elements. */
  public MemoryFormat memoryFormat() {
    return memoryFormat;
  }

  /** Returns the data type of the elements. */
  public DType dtype() {
    return dtype;
  }

  /**
   * Returns a copy of the elements.
   *
   * @throws IllegalStateException if this is no tensor of int8, or it is closed.
   */
  public byte[] getDataAsByteArray() {
    expect("byte array", DType.INT8);
    final byte[] array = new byte[count()];
    copyAll(ByteBuffer.wrap(array));
    return array;
  }

  /**
   * Returns a copy of the elements.
   *
   * @throws IllegalStateException if this is no tensor of uint8, or it is closed.
   */
  public byte[] getDataAsUnsignedByteArray() {
    expect("byte array", DType.UINT8);
    final byte[] array = new byte[count()];
    copyAll(ByteBuffer.wrap(array));
    return array;
  }

  /**
   * Returns a copy of the elements.
   *
   * @throws IllegalStateException if this is no tensor of bool, or it is closed.
   */
  public boolean[] getDataAsBooleanArray() {
    expect("boolean array", DType.BOOL);
    final byte[] bytes = new byte[count()];
    copyAll(ByteBuffer.wrap(bytes));
    final boolean[] array = new boolean[bytes.length];
    for (int i = 0; i < array.length; i++) {
      array[i] = bytes[i] != 0;
    }
    return array;
  }

  /**
   * Returns a copy of the elements, of floats the bits.
   *
   * @throws IllegalStateException if this is no tensor of int16, float16 or bfloat16, or it is closed.
   */
  public short[] getDataAsShortArray() {
    expect("short array", DType.INT16, DType.FLOAT16, DType.BFLOAT16);
    final short[] array = new short[count()];
    copyAll(ShortBuffer.wrap(array));
    return array;
  }

  /**
   * Returns a copy of the elements.
   *
   * @throws IllegalStateException if this is no tensor of int32, or it is closed.
   */
  public int[] getDataAsIntArray() {
    expect("int array", DType.INT32);
    final int[] array = new int[count()];
    copyAll(IntBuffer.wrap(array));
    return array;
  }

  /**
   * Returns a copy of the elements, widened if they are halves; two numbers for a complex element.
   *
   * @throws IllegalStateException if this is no tensor of float32, float16, bfloat16 or complex64,
   *     or it is closed.
   */
  public float[] getDataAsFloatArray() {
    expect("float array", DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16, DType.COMPLEX64);
    if (dtype == DType.FLOAT16 || dtype == DType.BFLOAT16) {
      return Halves.widened(getDataAsShortArray(), dtype);
    }
    final float[] array = new float[count()];
    copyAll(FloatBuffer.wrap(array));
    return array;
  }

  /**
   * Returns a copy of the elements.
   *
   * @throws IllegalStateException if this is no tensor of int64, or it is closed.
   */
  public long[] getDataAsLongArray() {
    expect("long array", DType.INT64);
    final long[] array = new long[count()];
    copyAll(LongBuffer.wrap(array));
    return array;
  }

  /**
   * Returns a copy of the elements; two numbers for a complex element.
   *
   * @throws IllegalStateException if this is no tensor of float64 or complex128, or it is closed.
   */
  public double[] getDataAsDoubleArray() {
    expect("double array", DType.FLOAT64, DType.COMPLEX128);
    final double[] array = new double[count()];
    copyAll(DoubleBuffer.wrap(array));
    return array;
  }

  /**
   * Returns a view of the memory, without a copy. It stays valid after {@link #close()}.
   *
   * @throws IllegalStateException if this is no tensor of uint8, int8 or bool, or it is closed.
   */
  public ByteBuffer dataAsByteBuffer() {
    expect("byte buffer", DType.UINT8, DType.INT8, DType.BOOL);
    final ByteBuffer view = ((ByteBuffer) view()).duplicate().order(ByteOrder.nativeOrder());
    view.clear();
    return view;
  }

  /**
   * Returns a view of the memory, without a copy. It stays valid after {@link #close()}.
   *
   * @throws IllegalStateException if this is no tensor of int16, float16 or bfloat16, or it is closed.
   */
  public ShortBuffer dataAsShortBuffer() {
    expect("short buffer", DType.INT16, DType.FLOAT16, DType.BFLOAT16);
    final ShortBuffer view = ((ShortBuffer) view()).duplicate();
    view.clear();
    return view;
  }

  /**
   * Returns a view of the memory, without a copy. It stays valid after {@link #close()}.
   *
   * @throws IllegalStateException if this is no tensor of int32, or it is closed.
   */
  public IntBuffer dataAsIntBuffer() {
    expect("int buffer", DType.INT32);
    final IntBuffer view = ((IntBuffer) view()).duplicate();
    view.clear();
    return view;
  }

  /**
   * Returns a view of the memory, without a copy. It stays valid after {@link #close()}.
   *
   * @throws IllegalStateException if this is no tensor of float32 or complex64, or it is closed.
   */
  public FloatBuffer dataAsFloatBuffer() {
    expect("float buffer", DType.FLOAT32, DType.COMPLEX64);
    final FloatBuffer view = ((FloatBuffer) view()).duplicate();
    view.clear();
    return view;
  }

  /**
   * Returns a view of the memory, without a copy. It stays valid after {@link #close()}.
   *
   * @throws IllegalStateException if this is no tensor of int64, or it is closed.
   */
  public LongBuffer dataAsLongBuffer() {
    expect("long buffer", DType.INT64);
    final LongBuffer view = ((LongBuffer) view()).duplicate();
    view.clear();
    return view;
  }

  /**
   * Returns a view of the memory, without a copy. It stays valid after {@link #close()}.
   *
   * @throws IllegalStateException if this is no tensor of float64 or complex128, or it is closed.
   */
  public DoubleBuffer dataAsDoubleBuffer() {
    expect("double buffer", DType.FLOAT64, DType.COMPLEX128);
    final DoubleBuffer view = ((DoubleBuffer) view()).duplicate();
    view.clear();
    return view;
  }

  /**
   * Copies the elements to a buffer, from its position on, which moves behind them.
   *
   * @throws IllegalArgumentException if they do not fit.
   * @throws IllegalStateException if this is no tensor of uint8, int8 or bool, or it is closed.
   */
  public void copyDataInto(ByteBuffer target) {
    expect("byte buffer", DType.UINT8, DType.INT8, DType.BOOL);
    copyAll(target);
  }

  /** Copies the elements to the beginning of an array, as to a buffer. */
  public void copyDataInto(byte[] target) {
    copyDataInto(ByteBuffer.wrap(target));
  }

  /**
   * Copies the elements to a buffer, from its position on, which moves behind them.
   *
   * @throws IllegalArgumentException if they do not fit.
   * @throws IllegalStateException if this is no tensor of int16, float16 or bfloat16, or it is closed.
   */
  public void copyDataInto(ShortBuffer target) {
    expect("short buffer", DType.INT16, DType.FLOAT16, DType.BFLOAT16);
    copyAll(target);
  }

  /** Copies the elements to the beginning of an array, as to a buffer. */
  public void copyDataInto(short[] target) {
    copyDataInto(ShortBuffer.wrap(target));
  }

  /**
   * Copies the elements to a buffer, from its position on, which moves behind them.
   *
   * @throws IllegalArgumentException if they do not fit.
   * @throws IllegalStateException if this is no tensor of int32, or it is closed.
   */
  public void copyDataInto(IntBuffer target) {
    expect("int buffer", DType.INT32);
    copyAll(target);
  }

  /** Copies the elements to the beginning of an array, as to a buffer. */
  public void copyDataInto(int[] target) {
    copyDataInto(IntBuffer.wrap(target));
  }

  /**
   * Copies the elements to a buffer, from its position on, which moves behind them.
   *
   * @throws IllegalArgumentException if they do not fit.
   * @throws IllegalStateException if this is no tensor of float32 or complex64, or it is closed.
   */
  public void copyDataInto(FloatBuffer target) {
    expect("float buffer", DType.FLOAT32, DType.COMPLEX64);
    copyAll(target);
  }

  /** Copies the elements to the beginning of an array, as to a buffer. */
  public void copyDataInto(float[] target) {
    copyDataInto(FloatBuffer.wrap(target));
  }

  /**
   * Copies the elements to a buffer, from its position on, which moves behind them.
   *
   * @throws IllegalArgumentException if they do not fit.
   * @throws IllegalStateException if this is no tensor of int64, or it is closed.
   */
  public void copyDataInto(LongBuffer target) {
    expect("long buffer", DType.INT64);
    copyAll(target);
  }

  /** Copies the elements to the beginning of an array, as to a buffer. */
  public void copyDataInto(long[] target) {
    copyDataInto(LongBuffer.wrap(target));
  }

  /**
   * Copies the elements to a buffer, from its position on, which moves behind them.
   *
   * @throws IllegalArgumentException if they do not fit.
   * @throws IllegalStateException if this is no tensor of float64 or complex128, or it is closed.
   */
  public void copyDataInto(DoubleBuffer target) {
    expect("double buffer", DType.FLOAT64, DType.COMPLEX128);
    copyAll(target);
  }

  /** Copies the elements to the beginning of an array, as to a buffer. */
  public void copyDataInto(double[] target) {
    copyDataInto(DoubleBuffer.wrap(target));
  }

  /**
   * Gives up the memory. Native memory is freed now, unless a view of it was given away: then some
   * time after all views are unreachable. What a model still uses stays valid for it.
   */
  @Override
  public void close() {
    if (memory == null) {
      data = null;
      return;
    }
    synchronized (memory) {
      data = null;
      if (handle != null && !viewed) {
        handle.close();
      }
    }
  }

  @Override
  public String toString() {
    return String.format("Tensor(%s, dtype=torch.%s)", Arrays.toString(shape), dtype.torchName);
  }

  private Buffer view() {
    if (memory == null) {
      return open();
    }
    synchronized (memory) {
      open();
      if (AndroidLevel.VIEWS_KEEP_BUFFERS) {
        viewed = true;
      } else if (handle != null) {
        moveToJava();
      }
      return data;
    }
  }

  private void moveToJava() {
    final ByteBuffer copy = allocateByteBuffer(memory.capacity());
    copy.put(memory.duplicate());
    data = numbersOf(copy, dtype);
    handle.close();
    handle = null;
  }

  private Buffer open() {
    final Buffer found = data;
    if (found == null) {
      throw new IllegalStateException(CLOSED);
    }
    return found;
  }

  private void expect(String what, DType... wanted) {
    if (!Arrays.asList(wanted).contains(dtype)) {
      throw new IllegalStateException(
          "Tensor of type Tensor_" + dtype.torchName + " cannot return data as " + what + ".");
    }
  }

  /** Returns how many numbers of Java the elements are. */
  private int count() {
    final long count = numel() * dtype.numbers(); // of an expanded tensor far more than its memory
    checkArgument(count <= Integer.MAX_VALUE, "%s has too many elements for Java", this);
    return (int) count;
  }

  private void copyAll(Buffer target) {
    final int count = count();
    checkArgument(
        target.remaining() >= count,
        "%d numbers of %s do not fit in %d",
        count,
        this,
        target.remaining());
    if (!inOrder && count > 0) {
      try (Tensor packed = NativeLibrary.packed(this)) {
        packed.copyAll(target);
      }
    } else if (memory == null) {
      put(open(), target);
    } else {
      putNative(target);
    }
  }

  private void putNative(Buffer target) {
    final Buffer found;
    final NativeHandle used;
    synchronized (memory) {
      found = open();
      used = handle;
      if (used != null) {
        used.acquire(); // so that no other thread frees it meanwhile
      }
    }
    try {
      put(found, target);
    } finally {
      if (used != null) {
        used.release();
      }
    }
  }

  private static void put(Buffer source, Buffer target) {
    if (source instanceof ByteBuffer) {
      final ByteBuffer copy = ((ByteBuffer) source).duplicate();
      copy.clear();
      ((ByteBuffer) target).put(copy);
    } else if (source instanceof ShortBuffer) {
      final ShortBuffer copy = ((ShortBuffer) source).duplicate();
      copy.clear();
      ((ShortBuffer) target).put(copy);
    } else if (source instanceof IntBuffer) {
      final IntBuffer copy = ((IntBuffer) source).duplicate();
      copy.clear();
      ((IntBuffer) target).put(copy);
    } else if (source instanceof FloatBuffer) {
      final FloatBuffer copy = ((FloatBuffer) source).duplicate();
      copy.clear();
      ((FloatBuffer) target).put(copy);
    } else if (source instanceof LongBuffer) {
      final LongBuffer copy = ((LongBuffer) source).duplicate();
      copy.clear();
      ((LongBuffer) target).put(copy);
    } else {
      final DoubleBuffer copy = ((DoubleBuffer) source).duplicate();
      copy.clear();
      ((DoubleBuffer) target).put(copy);
    }
  }

  /** Returns a view of bytes as the numbers that elements of a dtype are in Java. */
  private static Buffer numbersOf(ByteBuffer data, DType dtype) {
    final ByteBuffer bytes = data.duplicate().order(ByteOrder.nativeOrder());
    bytes.clear();
    switch (dtype) {
      case INT16:
      case FLOAT16:
      case BFLOAT16:
        return bytes.asShortBuffer();
      case INT32:
        return bytes.asIntBuffer();
      case FLOAT32:
      case COMPLEX64:
        return bytes.asFloatBuffer();
      case INT64:
        return bytes.asLongBuffer();
      case FLOAT64:
      case COMPLEX128:
        return bytes.asDoubleBuffer();
      default:
        return bytes;
    }
  }

  /** Copies numbers, for a model may write to its arguments. */
  private static Buffer copied(Buffer data, DType dtype) {
    final Buffer copy =
        numbersOf(allocate(data.capacity(), dtype.size / dtype.numbers()), dtype);
    put(data, copy);
    return copy;
  }

  private static Tensor of(DType dtype, Buffer data, long[] shape, MemoryFormat memoryFormat) {
    final Buffer writable = data.isReadOnly() ? copied(data, dtype) : data;
    final long[] strides = memoryFormat.strides(shape);
    return new Tensor(dtype, writable, shape, strides, memoryFormat, null, null);
  }

  // Called from native. The memory belongs to the tensor, unless this throws, so that it takes it last.
  private static Tensor ofNative(
      ByteBuffer memory, long[] shape, long[] strides, int dtypeCode, long address) {
    final DType dtype = DType.of(dtypeCode);
    MemoryFormat format = MemoryFormat.CONTIGUOUS;
    if (MemoryFormat.CHANNELS_LAST.describes(shape, strides)) {
      format = MemoryFormat.CHANNELS_LAST;
    } else if (MemoryFormat.CHANNELS_LAST_3D.describes(shape, strides)) {
      format = MemoryFormat.CHANNELS_LAST_3D;
    }
    final Buffer data = numbersOf(memory, dtype);
    final NativeHandle handle = // the buffer stands for the memory
        new NativeHandle(memory, memory.capacity(), NativeLibrary::freeValue, CLOSED);
    final Tensor made = new Tensor(dtype, data, shape, strides, format, memory, handle);
    handle.own(address);
    return made;
  }

  private static ByteBuffer allocate(int count, int size) {
    checkArgument(
        count >= 0 && count <= Integer.MAX_VALUE / size,
        "A buffer cannot hold %d elements of %d bytes",
        count,
        size);
    return ByteBuffer.allocateDirect(count * size).order(ByteOrder.nativeOrder());
  }

  private static void checkBuffer(boolean direct, ByteOrder order) {
    checkArgument(
        direct, "Data buffer must be direct (java.nio.ByteBuffer#allocateDirect)");
    checkArgument(
        order == ByteOrder.nativeOrder(),
        "Data buffer must have native byte order (java.nio.ByteOrder#nativeOrder)");
  }

  private static void checkShape(long[] shape) {
    checkArgument(shape != null, "Shape must be not null");
    for (long length : shape) {
      checkArgument(length >= 0, "Shape elements must be non negative");
    }
  }

  /** Returns a copy of a shape, for a caller may change theirs, that fits what a tensor is made of. */
  private static long[] checkedShape(
      int capacity, DType dtype, long[] shape, MemoryFormat memoryFormat) {
    checkArgument(shape != null, "Shape must be not null");
    final long[] lengths = shape.clone();
    final long count = numel(lengths);
    checkArgument(
        count == capacity,
        "Inconsistent data capacity:%d and shape number elements:%d shape:%s",
        capacity,
        count,
        Arrays.toString(lengths));
    checkArgument(memoryFormat != null, "Memory format must be not null");
    checkArgument(
        memoryFormat.takes(lengths.length),
        "A tensor of torch.%s with shape %s cannot be %s",
        dtype.torchName,
        Arrays.toString(lengths),
        memoryFormat);
    return lengths;
  }

  private static void checkArgument(boolean holds, String message, Object... words) {
    if (!holds) {
      throw new IllegalArgumentException(String.format(message, words));
    }
  }
}
