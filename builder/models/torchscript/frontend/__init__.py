"""From the text of a source to the graphs of its functions."""
