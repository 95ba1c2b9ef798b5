package androidx.camera.core;

import android.media.Image;

public interface ImageProxy extends AutoCloseable {
  @ExperimentalGetImage
  Image getImage();

  ImageInfo getImageInfo();

  @Override
  void close();
}
