package org.pytorch;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** Keeps runs and changes of the number of threads apart, as the runtime asks for. */
final class Runs {
  /** Loads a model, and returns its address. */
  interface Loading {
    long load();
  }

  private static final ReentrantReadWriteLock LOCK = new ReentrantReadWriteLock();

  private Runs() {}

  /** Loads a model, whose own code may run, too. */
  static long load(Loading loading) {
    final Lock lock = LOCK.readLock();
    lock.lock();
    try {
      return loading.load();
    } finally {
      lock.unlock();
    }
  }

  /** Runs a method of a module; other runs may go on beside it. */
  static IValue run(Module module, byte[] method, IValue[] inputs) {
    if (inputs == null) {
      throw new IllegalArgumentException("Inputs must be not null");
    }
    final NativeHandle handle = module.handle;
    final Object owner = module.owner;
    final long address = handle.acquire();
    final Lock lock = LOCK.readLock();
    lock.lock();
    try {
      return NativeLibrary.run(address, method, inputs);
    } finally {
      lock.unlock();
      handle.release();
      NativeHandle.keepUntilHere(owner);
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
