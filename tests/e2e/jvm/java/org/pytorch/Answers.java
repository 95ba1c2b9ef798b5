package org.pytorch;

import java.util.Arrays;
import java.util.Map;

/** Runs a model on cases that other models carry, and prints where it answers otherwise. */
public final class Answers {
  private static final double NEAR = 1e-4;

  private Answers() {}

  /** Words: the model, its method, then the carriers. */
  public static void main(String[] words) {
    final Module module = Module.load(words[0]);
    for (String carrier : Arrays.asList(words).subList(2, words.length)) {
      final IValue[] both = Module.load(carrier).forward().toTuple();
      final IValue answer = module.runMethod(words[1], both[0].toTuple());
      if (!same(answer, both[1])) {
        System.out.println("differs: " + carrier);
      }
    }
    System.out.println("compared " + (words.length - 2));
  }

  private static boolean same(IValue answer, IValue wanted) {
    if (wanted.isTensor()) {
      return answer.isTensor() && sameTensors(answer.toTensor(), wanted.toTensor());
    }
    if (wanted.isNull()) {
      return answer.isNull();
    }
    if (wanted.isBool()) {
      return answer.toBool() == wanted.toBool();
    }
    if (wanted.isLong()) {
      return answer.toLong() == wanted.toLong();
    }
    if (wanted.isDouble()) {
      return near(answer.toDouble(), wanted.toDouble());
    }
    if (wanted.isString()) {
      return answer.toStr().equals(wanted.toStr());
    }
    return sameContainers(answer, wanted);
  }

  private static boolean sameContainers(IValue answer, IValue wanted) {
    if (wanted.isTuple()) {
      return answer.isTuple() && sameAll(answer.toTuple(), wanted.toTuple());
    }
    if (wanted.isBoolList()) {
      return Arrays.equals(answer.toBoolList(), wanted.toBoolList());
    }
    if (wanted.isLongList()) {
      return Arrays.equals(answer.toLongList(), wanted.toLongList());
    }
    if (wanted.isDoubleList()) {
      return nearAll(answer.toDoubleList(), wanted.toDoubleList());
    }
    if (wanted.isTensorList()) {
      return sameAll(wrapped(answer.toTensorList()), wrapped(wanted.toTensorList()));
    }
    if (wanted.isList()) {
      return answer.isList() && sameAll(answer.toList(), wanted.toList());
    }
    if (wanted.isDictStringKey()) {
      return sameMaps(answer.toDictStringKey(), wanted.toDictStringKey());
    }
    return sameMaps(answer.toDictLongKey(), wanted.toDictLongKey());
  }

  private static IValue[] wrapped(Tensor[] tensors) {
    return Arrays.stream(tensors).map(IValue::from).toArray(IValue[]::new);
  }

  private static boolean sameAll(IValue[] answer, IValue[] wanted) {
    boolean all = answer.length == wanted.length;
    for (int i = 0; all && i < wanted.length; i++) {
      all = same(answer[i], wanted[i]);
    }
    return all;
  }

  private static <K> boolean sameMaps(Map<K, IValue> answer, Map<K, IValue> wanted) {
    return answer.keySet().equals(wanted.keySet())
        && wanted.keySet().stream().allMatch(it -> same(answer.get(it), wanted.get(it)));
  }

  private static boolean sameTensors(Tensor answer, Tensor wanted) {
    return answer.dtype() == wanted.dtype()
        && Arrays.equals(answer.shape(), wanted.shape())
        && nearAll(numbers(answer), numbers(wanted));
  }

  private static double[] numbers(Tensor tensor) {
    switch (tensor.dtype()) {
      case FLOAT32:
        final float[] floats = tensor.getDataAsFloatArray();
        final double[] numbers = new double[floats.length];
        for (int i = 0; i < floats.length; i++) {
          numbers[i] = floats[i];
        }
        return numbers;
      case FLOAT64:
        return tensor.getDataAsDoubleArray();
      case INT64:
        return Arrays.stream(tensor.getDataAsLongArray()).asDoubleStream().toArray();
      case INT32:
        return Arrays.stream(tensor.getDataAsIntArray()).asDoubleStream().toArray();
      default:
        return bytes(tensor);
    }
  }

  private static double[] bytes(Tensor tensor) {
    final byte[] bytes =
        tensor.dtype() == DType.UINT8
            ? tensor.getDataAsUnsignedByteArray()
            : new byte[(int) tensor.numel()];
    if (tensor.dtype() != DType.UINT8) {
      tensor.copyDataInto(bytes);
    }
    final double[] numbers = new double[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      numbers[i] = bytes[i];
    }
    return numbers;
  }

  private static boolean nearAll(double[] answer, double[] wanted) {
    boolean all = answer.length == wanted.length;
    for (int i = 0; all && i < wanted.length; i++) {
      all = near(answer[i], wanted[i]);
    }
    return all;
  }

  private static boolean near(double answer, double wanted) {
    return Double.compare(answer, wanted) == 0
        || Math.abs(answer - wanted) <= NEAR * (1 + Math.abs(wanted));
  }
}
