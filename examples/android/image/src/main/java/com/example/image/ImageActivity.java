package com.example.image;

import android.graphics.Color;
import android.media.Image;
import android.os.Bundle;
import android.widget.FrameLayout;
import android.widget.TextView;
import androidx.camera.view.PreviewView;
import com.example.classification.Assets;
import com.example.classification.Category;
import com.example.classification.Labels;
import java.util.List;

/** Shows what the camera sees, and what that is most likely. */
public final class ImageActivity extends AbstractCameraXActivity<List<Category>> {
  private static final String MODEL = "colours.ptl";
  private static final int SHOWN = 3;
  private static final float TEXT_SIZE = 28;

  private ImageClassifier classifier;
  private PreviewView preview;
  private TextView text;

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    classifier = new ImageClassifier(Assets.read(getAssets(), MODEL));
    preview = new PreviewView(this);
    text = new TextView(this);
    text.setTextSize(TEXT_SIZE);
    text.setTextColor(Color.WHITE);
    text.setBackgroundColor(Color.BLACK);
    final FrameLayout layout = new FrameLayout(this);
    layout.addView(preview);
    layout.addView(
        text,
        new FrameLayout.LayoutParams(
            FrameLayout.LayoutParams.MATCH_PARENT, FrameLayout.LayoutParams.WRAP_CONTENT));
    setContentView(layout);
    start();
  }

  @Override
  protected PreviewView preview() {
    return preview;
  }

  @Override
  protected List<Category> analyze(Image frame, int rotateCWDegrees) {
    return classifier.classify(frame, rotateCWDegrees, SHOWN);
  }

  @Override
  protected void show(List<Category> found) {
    text.setText(Labels.lines(found));
  }

  @Override
  protected void showRefused() {
    text.setText("There is no camera that this app may use.");
  }

  @Override
  protected void release() {
    classifier.close();
  }
}
