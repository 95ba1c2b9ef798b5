"""Where the kernel of each operator lives: the source file a person would open to read it."""

from builder.locations.table import read_locations

__all__ = ["read_locations"]
