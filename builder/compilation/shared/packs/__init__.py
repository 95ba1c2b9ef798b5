"""Packs: compiled objects in one file, for machines that need not compile them."""
