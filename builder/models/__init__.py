"""Models: read, converted, traced; and what they ask of a runtime."""
