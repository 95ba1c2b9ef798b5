"""Jars: zip archives of classes. Equal classes give equal bytes."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from builder.artifact.android.zips import zip_bytes
from builder.artifact.staging import StagedFile


def jar_bytes(version: str, classes: Iterable[tuple[PurePosixPath, bytes]] = ()) -> bytes:
    """Return a jar with classes at their places; without any, as Gradle wants the file anyway."""
    manifest = f"Manifest-Version: 1.0\r\nCreated-By: build-runtime {version}\r\n\r\n"
    own = StagedFile(PurePosixPath("META-INF/MANIFEST.MF"), manifest.encode())
    return zip_bytes([own, *(StagedFile(*it) for it in classes)])
