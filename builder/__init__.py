"""Selective LibTorch-lite builds: from TorchScript models to a proven runtime for each ABI."""

from typing import Final

VERSION: Final = "0.1.0"
RELEASE: Final = "2.6.0"
"""The release of PyTorch that runtimes are built from."""
