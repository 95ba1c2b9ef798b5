package com.example.classification;

import android.content.res.AssetManager;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;

/** What lies in an app beside its code. */
public final class Assets {
  private Assets() {}

  /** Returns all bytes of an asset, which the app was packed with. */
  public static byte[] read(AssetManager assets, String name) {
    try (InputStream stream = assets.open(name)) {
      final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      final byte[] chunk = new byte[1 << 16];
      for (int count = stream.read(chunk); count >= 0; count = stream.read(chunk)) {
        bytes.write(chunk, 0, count);
      }
      return bytes.toByteArray();
    } catch (IOException error) {
      throw new IllegalStateException("the app lacks " + name, error);
    }
  }
}
