package org.pytorch;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Eight threads run one module, modules of their own, and close and change what others use. */
public final class Threads {
  private static final int THREADS = 8;
  private static final int RUNS = 1_500;

  private Threads() {}

  public static void main(String[] words) throws Exception {
    final String path = words[0];
    final ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    final Module shared = Module.load(path);
    final Tensor contested = shared.forward(floats(1)).toTensor();
    final List<Future<?>> running = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      final int number = i;
      running.add(
          pool.submit(
              () -> {
                final Module own = Module.load(path);
                for (int run = 0; run < RUNS; run++) {
                  expect(shared, number + run);
                  expect(own, number - run);
                  if (run % 500 == 0) {
                    PyTorchAndroid.setNumThreads(1 + number % 2);
                  }
                }
                own.close();
                return null;
              }));
    }
    running.add(
        pool.submit(
            () -> {
              useUntilClosed(shared, contested);
              return null;
            }));
    contested.close();
    for (Future<?> each : running) {
      each.get();
    }
    closeWhileRunning(path, pool);
    pool.shutdown();
    System.out.println("done");
  }

  private static IValue floats(float... numbers) {
    return IValue.from(Tensor.fromBlob(numbers, new long[] {numbers.length}));
  }

  private static void expect(Module module, float number) {
    try (Tensor answer = module.forward(floats(number)).toTensor()) {
      if (answer.getDataAsFloatArray()[0] != number + 1) {
        throw new AssertionError(answer.getDataAsFloatArray()[0] + " for " + number);
      }
    }
  }

  private static void useUntilClosed(Module module, Tensor tensor) {
    try {
      while (true) {
        module.forward(IValue.from(tensor)).toTensor().close();
      }
    } catch (IllegalStateException closed) {
      // what is documented
    }
  }

  private static void closeWhileRunning(String path, ExecutorService pool) throws Exception {
    for (int i = 0; i < 50; i++) {
      final Module module = Module.load(path);
      final Tensor tensor = module.forward(floats(3)).toTensor();
      final Future<?> user = pool.submit(() -> useUntilClosed(module, tensor));
      final Future<?> reader =
          pool.submit(
              () -> {
                try {
                  while (true) {
                    tensor.getDataAsFloatArray();
                  }
                } catch (IllegalStateException closed) {
                  // what is documented
                }
              });
      Thread.sleep(1);
      if (i % 2 == 0) {
        module.close();
      }
      tensor.close();
      user.get();
      reader.get();
      module.close();
    }
  }
}
