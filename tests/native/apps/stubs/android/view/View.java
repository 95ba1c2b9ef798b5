package android.view;

import android.content.Context;

public class View {
  public View(Context context) {}

  public void setBackgroundColor(int color) {}

  public void setFitsSystemWindows(boolean fits) {}
}
