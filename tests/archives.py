"""Unpacking archives on every supported Python."""

import tarfile
from pathlib import Path


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack members that stay inside of `folder`; 3.11.2, Debian 12's, has no filters yet."""
    if hasattr(tarfile, "data_filter"):
        archive.extraction_filter = tarfile.data_filter
    archive.extractall(folder)
