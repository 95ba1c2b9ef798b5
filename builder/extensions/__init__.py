"""Operators of the user's own: what his C++ registers, told without compiling it."""
