package org.pytorch;

/** The order in which the elements of a tensor lie in memory. */
public enum MemoryFormat {
  /** Row-major: the last dimension lies together. */
  CONTIGUOUS(),
  /** The channels of each pixel lie together. The shape is still {@code {n, c, h, w}}. */
  CHANNELS_LAST(1, 3, 2, 0),
  /** The channels of each voxel lie together. The shape is still {@code {n, c, d, h, w}}. */
  CHANNELS_LAST_3D(1, 4, 3, 2, 0),
  ;

  /** Dimensions from the one that lies together to the one that is farthest apart. */
  private final int[] order;

  MemoryFormat(int... order) {
    this.order = order;
  }

  /** Whether tensors of this rank can lie so: with channels last, the batch may be missing. */
  boolean takes(int rank) {
    return order.length == 0 || rank == order.length || rank == order.length - 1;
  }

  /** Returns the distances between neighbours in each dimension, in elements. */
  long[] strides(long[] shape) {
    long[] strides = new long[shape.length];
    long distance = 1;
    for (int place = 0; place < shape.length; place++) {
      int dimension = dimension(place, shape.length);
      strides[dimension] = distance;
      distance *= Math.max(shape[dimension], 1);
    }
    return strides;
  }

  /** Whether elements with these strides lie as this format says, without a gap. */
  boolean describes(long[] shape, long[] strides) {
    if (order.length != 0 && shape.length != order.length) {
      return false;
    }
    long distance = 1;
    for (int place = 0; place < shape.length; place++) {
      int dimension = dimension(place, shape.length);
      if (shape[dimension] != 1) { // else nothing has a neighbour there
        if (strides[dimension] != distance) {
          return false;
        }
        distance *= shape[dimension];
      }
    }
    return true;
  }

  private int dimension(int place, int rank) {
    if (order.length == 0) {
      return rank - 1 - place;
    }
    return rank == order.length ? order[place] : order[place] - 1;
  }
}
