package android.graphics;

import java.nio.ByteBuffer;
import java.util.function.IntUnaryOperator;

/** Pixels as Android keeps them: colours multiplied by alpha, rows with a gap behind them. */
public final class Bitmap {
  private static final int GAP = 12;

  // Read by the fake of jnigraphics
  private final int width;
  private final int height;
  private final int stride;
  private final int format;
  private final ByteBuffer pixels;
  private int locks;

  private boolean srgb = true;
  private boolean recycled;
  /** How often pixels were asked for. */
  public int reads;

  /** How pixels are stored. */
  public enum Config {
    RGB_565(4),
    ARGB_8888(1);

    final int format;

    Config(int format) {
      this.format = format;
    }
  }

  private Bitmap(int width, int height, Config config) {
    this.width = width;
    this.height = height;
    this.stride = 4 * width + GAP;
    this.format = config.format;
    this.pixels = ByteBuffer.allocateDirect(stride * height);
  }

  public static Bitmap createBitmap(int width, int height, Config config) {
    return new Bitmap(width, height, config);
  }

  public int getWidth() {
    return width;
  }

  public int getHeight() {
    return height;
  }

  public ColorSpace getColorSpace() {
    return new ColorSpace(srgb);
  }

  public void setSrgb(boolean srgb) {
    this.srgb = srgb;
  }

  public void recycle() {
    recycled = true;
  }

  /** How many more locks than unlocks there were. */
  public int locks() {
    return locks;
  }

  public void setPixel(int x, int y, int color) {
    final int alpha = color >>> 24;
    final IntUnaryOperator stored = shift -> ((color >> shift & 255) * alpha + 127) / 255;
    final int at = y * stride + 4 * x;
    pixels.put(at, (byte) stored.applyAsInt(16));
    pixels.put(at + 1, (byte) stored.applyAsInt(8));
    pixels.put(at + 2, (byte) stored.applyAsInt(0));
    pixels.put(at + 3, (byte) alpha);
  }

  public void getPixels(
      int[] colors, int offset, int stride, int x, int y, int width, int height) {
    if (recycled) {
      throw new IllegalStateException("Can't call getPixels() on a recycled bitmap");
    }
    if (x < 0 || y < 0 || x + width > this.width || y + height > this.height) {
      throw new IllegalArgumentException("an area beyond the bitmap");
    }
    reads++;
    for (int row = 0; row < height; row++) {
      for (int column = 0; column < width; column++) {
        colors[offset + row * stride + column] = color(x + column, y + row);
      }
    }
  }

  private int color(int x, int y) {
    final int at = y * stride + 4 * x;
    final int alpha = pixels.get(at + 3) & 255;
    final IntUnaryOperator shown =
        i -> alpha == 0 ? 0 : Math.min(255, ((pixels.get(at + i) & 255) * 255 + alpha / 2) / alpha);
    return alpha << 24
        | shown.applyAsInt(0) << 16
        | shown.applyAsInt(1) << 8
        | shown.applyAsInt(2);
  }
}
