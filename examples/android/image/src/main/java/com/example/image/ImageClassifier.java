package com.example.image;

import android.media.Image;
import com.example.classification.Category;
import com.example.classification.Labels;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.pytorch.IValue;
import org.pytorch.LiteModuleLoader;
import org.pytorch.Module;
import org.pytorch.Tensor;
import org.pytorch.torchvision.TensorImageUtils;

/** Tells what is in the middle of a camera's frame. Not to be used by two threads at once. */
public final class ImageClassifier implements AutoCloseable {
  /** Columns and rows of the images that the model was trained on. */
  private static final int SIDE = 64;

  private static final String LABELS = "labels.txt";

  private final Module module;
  private final Labels labels;

  /** Loads a model that `make_model.py` made, and the names that are in its file. */
  public ImageClassifier(byte[] model) {
    final Map<String, String> extra = new HashMap<>(Collections.singletonMap(LABELS, ""));
    module = LiteModuleLoader.load(model, extra);
    labels = Labels.of(extra.get(LABELS));
  }

  /** Returns what a frame shows most likely, when it is turned clockwise by that much. */
  public List<Category> classify(Image frame, int rotateCWDegrees, int count) {
    try (Tensor input =
            TensorImageUtils.imageYUV420CenterCropToFloat32Tensor(
                frame,
                rotateCWDegrees,
                SIDE,
                SIDE,
                TensorImageUtils.TORCHVISION_NORM_MEAN_RGB,
                TensorImageUtils.TORCHVISION_NORM_STD_RGB);
        Tensor probabilities = module.forward(IValue.from(input)).toTensor()) {
      return labels.top(probabilities.getDataAsFloatArray(), count);
    }
  }

  @Override
  public void close() {
    module.close();
  }
}
