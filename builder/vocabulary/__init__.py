"""The vocabulary: frozen values that pass from stage to stage, and errors. No effects."""
