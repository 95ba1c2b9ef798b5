"""Compiler launchers: programs that take objects from a cache that machines share."""
