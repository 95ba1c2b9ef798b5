"""Opening a `.tar.gz` of an earlier build: bounded, and nothing leads out of its folder."""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from builder.artifact.reading import HINT, inner
from builder.vocabulary.errors import UsageError

_LARGEST_HEADER: Final = 1 << 20
_MOST_MEMBERS: Final = 20_000
_LARGEST_CONTENT: Final = 8 << 30
"""Bytes of one read, members, and bytes of all content: far above what builds write."""

_DAMAGED: Final = (
    tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, FileExistsError,
    NotADirectoryError,
)  # fmt: skip
"""What an archive raises whose bytes are not what a build wrote, ours included."""


class Bounded(gzip.GzipFile):
    """A decompressed stream that refuses to go on where no archive of ours would.

    `tarfile` reads a header's extension in one piece, as long as the header says it is.
    """

    def read(self, size: int | None = -1) -> bytes:
        """Return `size` bytes at most; raise `ValueError` for more at once than a header has."""
        if size is None or not 0 <= size <= _LARGEST_HEADER:
            message = "a header is too long"
            raise ValueError(message)
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to `offset`; raise `ValueError` where no archive of ours ends later."""
        if offset > _LARGEST_CONTENT + _MOST_MEMBERS * _LARGEST_HEADER:
            message = "it holds too much"
            raise ValueError(message)
        return super().seek(offset, whence)


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive of ours does."""
    try:
        with Bounded(path, "rb") as stream, tarfile.open(fileobj=stream, mode="r:"):
            return True
    except _DAMAGED:
        return False


def unpack(source: Path, into: Path) -> None:
    """Unpack an archive whose every member is a plain file below `into`.

    Raise `UsageError` for what is no such archive, or has content no build writes: paths that lead
    out, links, special files, or more than is ever in one.
    """
    try:
        with (
            Bounded(source, "rb") as stream,
            tarfile.open(fileobj=stream, mode="r:") as archive,
        ):
            for member in members(archive):
                _write(archive, member, into)
    except _DAMAGED as error:
        raise UsageError(f"{source} is no artifact of build-runtime: {error}", hint=HINT) from error


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield what is in an archive; raise `ValueError` once that is more than is ever in one."""
    total = 0
    for count, member in enumerate(archive):
        total += member.size
        if member.size < 0 or count >= _MOST_MEMBERS or total > _LARGEST_CONTENT:
            message = "it holds too much"
            raise ValueError(message)
        yield member


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    path = inner(member.name)
    if member.isdir():
        (into / path).mkdir(parents=True, exist_ok=True)
        return
    content = archive.extractfile(member) if member.isreg() else None
    place = into / path
    if content is None or place.exists():
        message = f"{member.name!r} is a link, a special file or there twice"
        raise ValueError(message)
    place.parent.mkdir(parents=True, exist_ok=True)
    with content, place.open("xb") as sink:
        shutil.copyfileobj(content, sink)
    place.chmod(0o755 if member.mode & 0o100 else 0o644)
