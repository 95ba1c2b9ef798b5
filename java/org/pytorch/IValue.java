package org.pytorch;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A value of TorchScript: a tensor, a number, a text, nothing, or a list, tuple or dict of values.
 *
 * <p>Reading one as what it is not throws {@link IllegalStateException}. A text is read by {@link
 * #toStr()}, not by {@link #toString()}.
 *
 * <p>Values keep the arrays and maps they are made of, and give them away, without a copy.
 *
 * <p>A list that a model answers with is told by its items. So an empty one is a list of every kind,
 * and an empty dict has keys of every kind.
 */
public class IValue {
  // The numbers are known to the native part.
  private static final int NULL = 1;
  private static final int TENSOR = 2;
  private static final int BOOL = 3;
  private static final int LONG = 4;
  private static final int DOUBLE = 5;
  private static final int STRING = 6;
  private static final int TUPLE = 7;
  private static final int BOOL_LIST = 8;
  private static final int LONG_LIST = 9;
  private static final int DOUBLE_LIST = 10;
  private static final int TENSOR_LIST = 11;
  private static final int LIST = 12;
  private static final int DICT_STRING_KEY = 13;
  private static final int DICT_LONG_KEY = 14;
  private static final int EMPTY_LIST = 15;
  private static final int EMPTY_DICT = 16;

  private static final String[] NAMES = {
    "Unknown",
    "Null",
    "Tensor",
    "Bool",
    "Long",
    "Double",
    "String",
    "Tuple",
    "BoolList",
    "LongList",
    "DoubleList",
    "TensorList",
    "GenericList",
    "DictStringKey",
    "DictLongKey",
    "EmptyList",
    "EmptyDict",
  };

  // Read from native
  private final int code;
  /** A bool as 0 or 1, a long, or the bits of a double. */
  private final long number;

  private final Object data;

  private IValue(int code, long number, Object data) {
    this.code = code;
    this.number = number;
    this.data = data;
  }

  public boolean isNull() {
    return is(NULL);
  }

  public boolean isTensor() {
    return is(TENSOR);
  }

  public boolean isBool() {
    return is(BOOL);
  }

  public boolean isLong() {
    return is(LONG);
  }

  public boolean isDouble() {
    return is(DOUBLE);
  }

  public boolean isString() {
    return is(STRING);
  }

  public boolean isTuple() {
    return is(TUPLE);
  }

  public boolean isBoolList() {
    return is(BOOL_LIST);
  }

  public boolean isLongList() {
    return is(LONG_LIST);
  }

  public boolean isDoubleList() {
    return is(DOUBLE_LIST);
  }

  public boolean isTensorList() {
    return is(TENSOR_LIST);
  }

  public boolean isList() {
    return is(LIST);
  }

  public boolean isDictStringKey() {
    return is(DICT_STRING_KEY);
  }

  public boolean isDictLongKey() {
    return is(DICT_LONG_KEY);
  }

  /** Makes an {@code Optional} without a value. */
  public static IValue optionalNull() {
    return new IValue(NULL, 0, null);
  }

  /** Makes a {@code Tensor}. */
  public static IValue from(Tensor tensor) {
    return new IValue(TENSOR, 0, tensor);
  }

  /** Makes a {@code bool}. */
  public static IValue from(boolean value) {
    return new IValue(BOOL, value ? 1 : 0, null);
  }

  /** Makes an {@code int}. */
  public static IValue from(long value) {
    return new IValue(LONG, value, null);
  }

  /** Makes a {@code float}. */
  public static IValue from(double value) {
    return new IValue(DOUBLE, Double.doubleToRawLongBits(value), null);
  }

  /** Makes a {@code str}. */
  public static IValue from(String value) {
    return new IValue(STRING, 0, value);
  }

  /** Makes a {@code List[bool]}. */
  public static IValue listFrom(boolean... list) {
    return new IValue(BOOL_LIST, 0, list);
  }

  /** Makes a {@code List[int]}. */
  public static IValue listFrom(long... list) {
    return new IValue(LONG_LIST, 0, list);
  }

  /** Makes a {@code List[float]}. */
  public static IValue listFrom(double... list) {
    return new IValue(DOUBLE_LIST, 0, list);
  }

  /** Makes a {@code List[Tensor]}. */
  public static IValue listFrom(Tensor... list) {
    return new IValue(TENSOR_LIST, 0, list);
  }

  /**
   * Makes a {@code List[T]}.
   *
   * @throws IllegalArgumentException if items are null, or of different kinds.
   */
  public static IValue listFrom(IValue... array) {
    for (IValue each : array) {
      if (each == null) {
        throw new IllegalArgumentException("List items must be not null");
      }
      if (!each.isAlike(array[0])) {
        throw new IllegalArgumentException("List must contain items of the same type");
      }
    }
    return new IValue(LIST, 0, array);
  }

  /** Makes a {@code Tuple[T0, T1, ...]}. */
  public static IValue tupleFrom(IValue... array) {
    return new IValue(TUPLE, 0, array);
  }

  /** Makes a {@code Dict[str, V]}. */
  public static IValue dictStringKeyFrom(Map<String, IValue> map) {
    return new IValue(DICT_STRING_KEY, 0, map);
  }

  /** Makes a {@code Dict[int, V]}. */
  public static IValue dictLongKeyFrom(Map<Long, IValue> map) {
    return new IValue(DICT_LONG_KEY, 0, map);
  }

  public Tensor toTensor() {
    expect(TENSOR);
    return (Tensor) data;
  }

  public boolean toBool() {
    expect(BOOL);
    return number != 0;
  }

  public long toLong() {
    expect(LONG);
    return number;
  }

  public double toDouble() {
    expect(DOUBLE);
    return Double.longBitsToDouble(number);
  }

  public String toStr() {
    expect(STRING);
    return (String) data;
  }

  public boolean[] toBoolList() {
    expect(BOOL_LIST);
    return code == EMPTY_LIST ? new boolean[0] : (boolean[]) data;
  }

  public long[] toLongList() {
    expect(LONG_LIST);
    return code == EMPTY_LIST ? new long[0] : (long[]) data;
  }

  public double[] toDoubleList() {
    expect(DOUBLE_LIST);
    return code == EMPTY_LIST ? new double[0] : (double[]) data;
  }

  public Tensor[] toTensorList() {
    expect(TENSOR_LIST);
    return code == EMPTY_LIST ? new Tensor[0] : (Tensor[]) data;
  }

  public IValue[] toList() {
    expect(LIST);
    return code == EMPTY_LIST ? new IValue[0] : (IValue[]) data;
  }

  public IValue[] toTuple() {
    expect(TUPLE);
    return (IValue[]) data;
  }

  @SuppressWarnings("unchecked") // only dictStringKeyFrom makes one
  public Map<String, IValue> toDictStringKey() {
    expect(DICT_STRING_KEY);
    return code == EMPTY_DICT ? new LinkedHashMap<String, IValue>() : (Map<String, IValue>) data;
  }

  @SuppressWarnings("unchecked") // only dictLongKeyFrom makes one
  public Map<Long, IValue> toDictLongKey() {
    expect(DICT_LONG_KEY);
    return code == EMPTY_DICT ? new LinkedHashMap<Long, IValue>() : (Map<Long, IValue>) data;
  }

  private boolean is(int wanted) {
    return code == wanted
        || code == EMPTY_LIST && wanted >= BOOL_LIST && wanted <= LIST
        || code == EMPTY_DICT && (wanted == DICT_STRING_KEY || wanted == DICT_LONG_KEY);
  }

  private boolean isAlike(IValue other) {
    return is(other.code) || other.is(code);
  }

  private void expect(int wanted) {
    if (!is(wanted)) {
      throw new IllegalStateException(
          String.format(
              Locale.US, "Expected IValue type %s, actual type %s", NAMES[wanted], NAMES[code]));
    }
  }

  // Called from native. Keys and values of a dict in turn.
  private IValue[] entries() {
    final Map<?, ?> map = (Map<?, ?>) data;
    final IValue[] entries = new IValue[2 * map.size()];
    int count = 0;
    for (Map.Entry<?, ?> each : map.entrySet()) {
      entries[count++] =
          code == DICT_STRING_KEY ? from((String) each.getKey()) : from((long) (Long) each.getKey());
      entries[count++] = (IValue) each.getValue();
    }
    return entries;
  }

  // Called from native. In the order of the model.
  private static IValue dictOf(IValue[] keys, IValue[] values) {
    if (keys.length == 0) {
      return new IValue(EMPTY_DICT, 0, Collections.emptyMap());
    }
    final Map<Object, IValue> map = new LinkedHashMap<>();
    for (int i = 0; i < keys.length; i++) {
      if (keys[i].code != STRING && keys[i].code != LONG) {
        throw new IllegalArgumentException(
            "Unsupported IValue-Dict key type: " + NAMES[keys[i].code]);
      }
      map.put(keys[i].code == STRING ? keys[i].data : (Object) keys[i].number, values[i]);
    }
    return new IValue(keys[0].code == STRING ? DICT_STRING_KEY : DICT_LONG_KEY, 0, map);
  }
}
