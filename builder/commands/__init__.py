"""What the commands besides `build` answer: plain data, and the text people read."""
