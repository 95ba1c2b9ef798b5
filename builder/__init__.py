"""Selective LibTorch-lite builds: from TorchScript models to a proven runtime for each ABI."""

from typing import Final

VERSION: Final = "0.1.0"
