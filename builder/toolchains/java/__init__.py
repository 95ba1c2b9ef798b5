"""Java: the classes of `org.pytorch`, and the library with their native functions."""
