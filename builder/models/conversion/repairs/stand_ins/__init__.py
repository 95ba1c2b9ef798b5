"""Kinds of values that lite interpreters lack, and what stands in for each within a method."""
