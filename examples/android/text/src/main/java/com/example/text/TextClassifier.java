package com.example.text;

import com.example.classification.Category;
import com.example.classification.Labels;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.pytorch.IValue;
import org.pytorch.LiteModuleLoader;
import org.pytorch.Module;
import org.pytorch.Tensor;

/** Tells what a sentence is meant to be. May be used by several threads. */
public final class TextClassifier implements AutoCloseable {
  private static final String LABELS = "labels.txt";
  private static final String VOCABULARY = "vocabulary.txt";

  private final Module module;
  private final Labels labels;
  private final Vocabulary vocabulary;

  /** Loads a model that `make_model.py` made, and the names and words that are in its file. */
  public TextClassifier(byte[] model) {
    final Map<String, String> extra = new HashMap<>();
    extra.put(LABELS, "");
    extra.put(VOCABULARY, "");
    module = LiteModuleLoader.load(model, extra);
    labels = Labels.of(extra.get(LABELS));
    vocabulary = Vocabulary.of(extra.get(VOCABULARY));
  }

  /** Returns what a text is most likely. */
  public List<Category> classify(String text, int count) {
    final long[] ids = vocabulary.ids(text);
    try (Tensor input = Tensor.fromBlob(ids, new long[] {1, ids.length});
        Tensor probabilities = module.forward(IValue.from(input)).toTensor()) {
      return labels.top(probabilities.getDataAsFloatArray(), count);
    }
  }

  @Override
  public void close() {
    module.close();
  }
}
