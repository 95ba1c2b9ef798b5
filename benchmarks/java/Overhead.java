import java.util.Arrays;
import org.pytorch.IValue;
import org.pytorch.Module;
import org.pytorch.PyTorchAndroid;
import org.pytorch.Tensor;

/** Prints what a forward of one element takes, in microseconds: the median of many batches. */
public final class Overhead {
  private static final int BATCHES = 10_001;
  private static final int RUNS = 20; // a batch is shorter than what the scheduler gives
  private static final int WARM = 20_000;

  private Overhead() {}

  public static void main(String[] words) {
    PyTorchAndroid.setNumThreads(1);
    final Module module = Module.load(words[0]);
    final IValue input = IValue.from(Tensor.fromBlob(new float[] {1}, new long[] {1}));
    System.out.println(median(module, input, true) + " " + median(module, input, false));
  }

  private static double median(Module module, IValue input, boolean closing) {
    run(module, input, closing, WARM);
    final double[] micros = new double[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
      final long start = System.nanoTime();
      run(module, input, closing, RUNS);
      micros[i] = (System.nanoTime() - start) / 1e3 / RUNS;
    }
    Arrays.sort(micros);
    return micros[BATCHES / 2];
  }

  private static void run(Module module, IValue input, boolean closing, int count) {
    for (int i = 0; i < count; i++) {
      final Tensor answer = module.forward(input).toTensor();
      if (closing) {
        answer.close();
      }
    }
  }
}
