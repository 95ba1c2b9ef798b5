"""Benching: how fast a runtime is, beside desktop torch or another peer, and what it executes."""
