package android.content.res;

import java.io.IOException;
import java.io.InputStream;

/** What the compiler has to know of Android's class; the device brings the real one. */
public final class AssetManager {
  private AssetManager() {}

  public InputStream open(String name) throws IOException {
    throw new IOException(name);
  }
}
