package android.content;

import android.content.res.AssetManager;

public abstract class Context {
  public AssetManager getAssets() {
    return null;
  }
}
