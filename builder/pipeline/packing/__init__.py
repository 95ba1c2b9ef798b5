"""Packing what was proven: archives, what lies beside them, and what is told of them."""
