package org.pytorch;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** Keeps runs and changes of the number of threads apart, as the runtime asks for. */
final class Runs {
  private static final ReentrantReadWriteLock LOCK = new ReentrantReadWriteLock();

  private Runs() {}

  /** Runs a method of a module; other runs may go on beside it. */
  static IValue run(NativeHandle module, byte[] method, IValue[] inputs) {
    if (inputs == null) {
      throw new IllegalArgumentException("Inputs must be not null");
    }
    final long address = module.acquire();
    final Lock lock = LOCK.readLock();
    lock.lock();
    try {
      return NativeLibrary.run(address, method, inputs);
    } finally {
      lock.unlock();
      module.release();
    }
  }

  static void setThreadCount(int count) {
    final Lock lock = LOCK.writeLock();
    lock.lock();
    try {
      NativeLibrary.setThreadCount(count);
    } finally {
      lock.unlock();
    }
  }
}
