"""Toolchains: everything that turns sources into a library for one target."""
