package org.pytorch;

import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.Collections;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A native object: freed when it is closed, else when what stands for it in Java is unreachable.
 *
 * <p>The collector knows nothing of native memory, and has no reason to run while the heap is empty.
 * So what is held is counted here, and the collector is asked to run when that is a lot.
 */
final class NativeHandle extends PhantomReference<Object> {
  /** Frees the native object at an address. */
  interface Freeing {
    void free(long address);
  }

  /** What every object costs besides its data. ART has room for 51,200 references of JNI. */
  private static final long COST = 4096;

  private static final long FIRST_LIMIT = 64L << 20;
  private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(20);

  private static final ReferenceQueue<Object> QUEUE = new ReferenceQueue<>();
  /** A reference that is unreachable itself is never enqueued. */
  private static final Set<NativeHandle> LIVE =
      Collections.newSetFromMap(new ConcurrentHashMap<NativeHandle, Boolean>());

  private static final AtomicLong held = new AtomicLong();
  private static volatile long limit = FIRST_LIMIT;

  static {
    final Thread thread = new Thread(NativeHandle::freeUnreachable, "pytorch-release");
    thread.setDaemon(true);
    thread.start();
  }

  private final Freeing freeing;
  private final long cost;
  private final String closedMessage;
  /** Read from native, with the monitor held; 0 until it is owned, and once it is freed. */
  private long address;

  private int users;
  private boolean closed;

  /** Makes room for an object of that many bytes, which the handle is then to own. */
  NativeHandle(Object owner, long bytes, Freeing freeing, String closedMessage) {
    super(owner, QUEUE);
    this.cost = bytes + COST;
    this.freeing = freeing;
    this.closedMessage = closedMessage;
    LIVE.add(this);
    if (held.addAndGet(cost) > limit) {
      relieve();
    }
  }

  /** Takes over an object. Nothing is thrown, so it always has one that frees it. */
  synchronized void own(long owned) {
    address = owned;
  }

  /** Keeps an owner reachable, and so its object alive, until this is called. */
  static void keepUntilHere(Object owner) {
    synchronized (owner) { // Java 8 has no Reference.reachabilityFence
    }
  }

  /** Returns the address, which stays valid until {@link #release()}. */
  synchronized long acquire() {
    if (closed) {
      throw new IllegalStateException(closedMessage);
    }
    users++;
    return address;
  }

  synchronized void release() {
    users--;
    freeUnused();
  }

  /** Frees the native object, or has its last user do so. */
  synchronized void close() {
    closed = true;
    freeUnused();
  }

  private void freeUnused() {
    if (closed && users == 0 && LIVE.remove(this)) {
      held.addAndGet(-cost);
      clear();
      if (address != 0) {
        final long freed = address;
        address = 0;
        freeing.free(freed);
      }
    }
  }

  private static void freeUnreachable() {
    while (true) {
      try {
        ((NativeHandle) QUEUE.remove()).close();
      } catch (Throwable ignored) { // nobody waits for this thread, and none takes its place
      }
    }
  }

  /** Has the collector find what is unreachable, and frees it. Doubles the limit if all is alive. */
  private static synchronized void relieve() {
    if (held.get() <= limit) {
      return; // another thread did it
    }
    Runtime.getRuntime().gc();
    final long end = System.nanoTime() + PATIENCE;
    try {
      while (held.get() > limit / 2 && System.nanoTime() < end) {
        final NativeHandle found = (NativeHandle) QUEUE.remove(1);
        if (found != null) {
          found.close();
        }
      }
    } catch (InterruptedException caught) {
      Thread.currentThread().interrupt();
    }
    limit = Math.max(FIRST_LIMIT, 2 * held.get());
  }
}
