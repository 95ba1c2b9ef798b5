"""What the commands take and answer: values, plain data, and the text people read."""
