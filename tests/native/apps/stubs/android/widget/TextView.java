package android.widget;

import android.content.Context;
import android.text.TextWatcher;
import android.view.View;

public class TextView extends View {
  public TextView(Context context) {
    super(context);
  }

  public final void setText(CharSequence text) {}

  public final void setHint(CharSequence hint) {}

  public void setTextSize(float size) {}

  public void setTextColor(int color) {}

  public void addTextChangedListener(TextWatcher watcher) {}
}
