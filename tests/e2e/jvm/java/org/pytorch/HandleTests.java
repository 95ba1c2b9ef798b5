package org.pytorch;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.lang.reflect.Field;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.Test;

/** When native objects are freed, and that it is once, whatever fails. */
public class HandleTests {
  private static final long FIRST_LIMIT = 64L << 20;

  private static final Path PATH = Paths.get(System.getProperty("models"), "values.ptl");

  private final Module module = Module.load(PATH.toString());

  /** Makes a handle of an object that is unreachable as soon as this returns. */
  private static NativeHandle unreachable(NativeHandle.Freeing freeing) {
    final NativeHandle handle = new NativeHandle(new Object(), 0, freeing, "closed");
    handle.own(1);
    return handle;
  }

  private static void failWhenFreed(long address) {
    try {
      Thread.sleep(2); // so that more than one thread frees
    } catch (InterruptedException caught) {
      Thread.currentThread().interrupt();
    }
    throw new AssertionError("freeing fails");
  }

  private static Field limit() throws ReflectiveOperationException {
    final Field limit = NativeHandle.class.getDeclaredField("limit");
    limit.setAccessible(true);
    return limit;
  }

  private static long held() throws ReflectiveOperationException {
    final Field held = NativeHandle.class.getDeclaredField("held");
    held.setAccessible(true);
    return ((AtomicLong) held.get(null)).get();
  }

  private static void collect(int rounds) throws InterruptedException {
    for (int i = 0; i < rounds; i++) {
      System.gc();
      Thread.sleep(10);
    }
  }

  @Test
  public void whatIsNotMadeIsFreedOnce() throws Exception {
    final IValue count = IValue.from(100);
    collect(20);
    final long before = held();
    for (int i = 0; i < 20; i++) {
      limit().setLong(null, Long.MAX_VALUE);
      for (int each = 0; each < 50; each++) {
        unreachable(HandleTests::failWhenFreed);
      }
      limit().setLong(null, 0); // the next handle asks the collector, and frees what it finds
      assertThrows(AssertionError.class, () -> module.runMethod("zeros", count));
    }
    limit().setLong(null, FIRST_LIMIT);
    for (int i = 0; i < 1000 && held() != before; i++) {
      collect(1);
    }
    assertEquals(before, held());
    assertEquals(100, module.runMethod("zeros", count).toTensor().numel());
  }

  /** Has a run wait for its handle while the collector looks for what nobody needs. */
  @Test
  public void aModuleThatRunsIsNotClosed() throws Exception {
    final IValue count = IValue.from(1);
    for (int i = 0; i < 20_000; i++) { // until the JVM compiles it, and forgets what it read last
      module.runMethod("zeros", count);
    }
    final AtomicReference<Module> given = new AtomicReference<>(Module.load(PATH.toString()));
    final Field field = Module.class.getDeclaredField("handle");
    field.setAccessible(true);
    final Object handle = field.get(given.get());
    final FutureTask<IValue> run =
        new FutureTask<>(() -> given.getAndSet(null).runMethod("zeros", count));
    final Thread running = new Thread(run);
    synchronized (handle) {
      running.start();
      awaitBlocked(running);
      System.gc();
      awaitBlocked(thread("pytorch-release"));
    }
    assertEquals(1, run.get().toTensor().numel());
  }

  private static void awaitBlocked(Thread thread) throws InterruptedException {
    for (int i = 0; i < 500 && thread.getState() != Thread.State.BLOCKED; i++) {
      Thread.sleep(1);
    }
  }

  private static Thread thread(String name) {
    for (Thread each : Thread.getAllStackTraces().keySet()) {
      if (each.getName().equals(name)) {
        return each;
      }
    }
    throw new AssertionError("no thread " + name);
  }

  @Test
  public void aFailureDoesNotEndFreeing() throws Exception {
    unreachable(HandleTests::failWhenFreed);
    collect(20);
    final AtomicInteger freed = new AtomicInteger();
    unreachable(address -> freed.incrementAndGet());
    collect(20);
    assertEquals(1, freed.get());
  }

  @Test
  public void whatOwnsNothingFreesNothing() throws Exception {
    final AtomicInteger freed = new AtomicInteger();
    final NativeHandle handle =
        new NativeHandle(this, 10, address -> freed.incrementAndGet(), "closed");
    final long with = held();
    handle.close();
    handle.close();
    assertEquals(0, freed.get());
    assertEquals(10 + 4096, with - held());
    final NativeHandle owning =
        new NativeHandle(this, 10, address -> freed.incrementAndGet(), "closed");
    owning.own(1);
    owning.close();
    owning.close();
    assertEquals(1, freed.get());
  }
}
