package com.example.text;

import android.app.Activity;
import android.os.Bundle;
import android.text.Editable;
import android.text.TextWatcher;
import android.widget.EditText;
import android.widget.LinearLayout;
import android.widget.TextView;
import com.example.classification.Assets;
import com.example.classification.Labels;

/** Shows what a text that is being written is most likely. */
public final class TextActivity extends Activity implements TextWatcher {
  private static final String MODEL = "sentences.ptl";
  private static final int SHOWN = 3;
  private static final float TEXT_SIZE = 28;

  private TextClassifier classifier;
  private TextView answer;

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    classifier = new TextClassifier(Assets.read(getAssets(), MODEL));
    answer = new TextView(this);
    answer.setTextSize(TEXT_SIZE);
    final EditText question = new EditText(this);
    question.setHint("Write something");
    question.addTextChangedListener(this);
    final LinearLayout layout = new LinearLayout(this);
    layout.setOrientation(LinearLayout.VERTICAL);
    layout.setFitsSystemWindows(true);
    layout.addView(question);
    layout.addView(answer);
    setContentView(layout);
  }

  @Override
  protected void onDestroy() {
    classifier.close();
    super.onDestroy();
  }

  @Override
  public void beforeTextChanged(CharSequence text, int start, int count, int after) {}

  @Override
  public void onTextChanged(CharSequence text, int start, int before, int count) {}

  /** Runs the model at once: that takes less time than a key. */
  @Override
  public void afterTextChanged(Editable text) {
    answer.setText(Labels.lines(classifier.classify(text.toString(), SHOWN)));
  }
}
