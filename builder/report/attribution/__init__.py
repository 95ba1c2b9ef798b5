"""Whom the bytes of a library are charged to: the operators that would take them away."""
