package com.example.image;

import android.Manifest;
import android.content.pm.PackageManager;
import android.media.Image;
import android.os.Bundle;
import androidx.activity.ComponentActivity;
import androidx.activity.result.ActivityResultLauncher;
import androidx.activity.result.contract.ActivityResultContracts;
import androidx.annotation.OptIn;
import androidx.camera.core.CameraSelector;
import androidx.camera.core.ExperimentalGetImage;
import androidx.camera.core.ImageAnalysis;
import androidx.camera.core.ImageProxy;
import androidx.camera.core.Preview;
import androidx.camera.lifecycle.ProcessCameraProvider;
import androidx.camera.view.PreviewView;
import androidx.core.content.ContextCompat;
import com.google.common.util.concurrent.ListenableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * An activity that looks through a camera: everything that CameraX is asked for.
 *
 * @param <R> what is found in a frame
 */
public abstract class AbstractCameraXActivity<R> extends ComponentActivity {
  private final ActivityResultLauncher<String> permission =
      registerForActivityResult(
          new ActivityResultContracts.RequestPermission(),
          granted -> {
            if (granted) {
              open();
            } else {
              showRefused();
            }
          });

  private ExecutorService worker;

  /** Returns what is in a frame that is to be turned clockwise; on a thread of its own. */
  protected abstract R analyze(Image frame, int rotateCWDegrees);

  /** Shows what was found last; on the thread of the user interface. */
  protected abstract void show(R found);

  /** Tells that there is nothing to be seen without a camera. */
  protected abstract void showRefused();

  /** Frees what {@link #analyze} uses; on its thread, after the last call. */
  protected abstract void release();

  /** Returns where to show what the camera sees. */
  protected abstract PreviewView preview();

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    worker = Executors.newSingleThreadExecutor();
  }

  /** Begins to look, when the layout is there; asks first if it may. */
  protected final void start() {
    final int allowed = ContextCompat.checkSelfPermission(this, Manifest.permission.CAMERA);
    if (allowed == PackageManager.PERMISSION_GRANTED) {
      open();
    } else {
      permission.launch(Manifest.permission.CAMERA);
    }
  }

  @Override
  protected void onDestroy() {
    worker.execute(this::release);
    worker.shutdown();
    super.onDestroy();
  }

  private void open() {
    final ListenableFuture<ProcessCameraProvider> opening = ProcessCameraProvider.getInstance(this);
    opening.addListener(() -> bind(opening), ContextCompat.getMainExecutor(this));
  }

  private void bind(ListenableFuture<ProcessCameraProvider> opened) {
    if (isDestroyed()) {
      return;
    }
    final Preview preview = new Preview.Builder().build();
    preview.setSurfaceProvider(preview().getSurfaceProvider());
    final ImageAnalysis analysis =
        new ImageAnalysis.Builder()
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .build();
    analysis.setAnalyzer(worker, this::analyze);
    try {
      final ProcessCameraProvider provider = opened.get();
      provider.unbindAll();
      provider.bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, preview, analysis);
    } catch (ExecutionException | InterruptedException | IllegalArgumentException noCamera) {
      showRefused();
    }
  }

  /** Takes one frame, and gives it back: without that, the camera sends no other. */
  @OptIn(markerClass = ExperimentalGetImage.class)
  private void analyze(ImageProxy frame) {
    try (ImageProxy it = frame) {
      final Image image = it.getImage();
      if (image != null && !isDestroyed()) {
        final R found = analyze(image, it.getImageInfo().getRotationDegrees());
        runOnUiThread(() -> show(found));
      }
    }
  }
}
