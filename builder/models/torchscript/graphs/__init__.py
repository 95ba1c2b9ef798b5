"""Graphs of functions, what conversion does to them, and the code it makes of them."""
