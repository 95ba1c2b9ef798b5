"""Zip archives: written so that equal files give equal bytes, and read without trusting them."""

import errno
import lzma
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Final

from builder.artifact.reading import HINT, inner
from builder.artifact.staging import StagedFile
from builder.foundation.files import open_atomic
from builder.vocabulary.errors import UsageError
from builder.vocabulary.targets import STORE_PAGE

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip archive can tell."""

_UNIX: Final = 3
_PLAIN: Final = 0o100644
_EXECUTABLE: Final = 0o100755
_LOCAL_HEADER: Final = struct.Struct("<26xHH")
_PADDING: Final = struct.Struct("<HHH")
_PADDING_KIND: Final = 0xD935
"""The extra field by which Android's own tools align: the alignment, then zeros."""

_MOST_MEMBERS: Final = 100_000
_LARGEST_CONTENT: Final = 8 << 30
"""Members, and bytes of all content: far above what builds write."""

_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError,
    NotImplementedError, RuntimeError, FileExistsError, NotADirectoryError, OverflowError,
    IndexError,
)  # fmt: skip
"""What an archive raises whose bytes are not what a zip program wrote, ours included."""

_NOT_OF_FILES: Final = (None, errno.EINVAL)
"""Errors that are no file's: of a decompressor, and for a place in front of the archive."""


@contextmanager
def reading_zip(source: Path) -> Iterator[zipfile.ZipFile]:
    """Yield an archive; what is wrong with its bytes is a `UsageError`, inside the block, too."""
    try:
        with zipfile.ZipFile(source) as archive:
            yield archive
    except _DAMAGED as error:
        raise _refused(source, error) from error
    except OSError as error:
        if error.errno not in _NOT_OF_FILES:
            raise
        raise _refused(source, error) from error


def _refused(source: Path, error: Exception) -> UsageError:
    return UsageError(f"{source} is no artifact of build-runtime: {error}", hint=HINT)


def write_zip(
    files: Iterable[StagedFile], destination: Path, stored: frozenset[PurePosixPath] = frozenset()
) -> None:
    """Write a zip archive in one step; raise `UsageError` when that is not possible.

    Nothing of this machine gets in: members are sorted by path, and have one time, and modes depend
    on `executable` alone.
    Those `stored` are not compressed, and begin at a multiple of 16 KB, so that they can be mapped
    where they are.
    """
    try:
        with open_atomic(destination) as stream:
            _write(files, stream, stored)
    except OSError as error:
        raise UsageError(
            f"cannot write {destination}: {error.strerror or error}",
            hint="free some space, or choose another place with -o",
        ) from error


def zip_bytes(files: Iterable[StagedFile]) -> bytes:
    """Return the bytes of a zip archive, as `write_zip` writes it."""
    stream = BytesIO()
    _write(files, stream, frozenset())
    return stream.getvalue()


def _write(
    files: Iterable[StagedFile], stream: IO[bytes], stored: frozenset[PurePosixPath]
) -> None:
    members = sorted(files, key=lambda file: file.path.as_posix())
    assert len({file.path for file in members}) == len(members), "two files in one place"
    with zipfile.ZipFile(stream, "w") as archive:
        for file in members:
            _add(archive, file, stream.tell(), file.path in stored)


def _add(archive: zipfile.ZipFile, file: StagedFile, at: int, is_stored: bool) -> None:  # noqa: FBT001
    member = zipfile.ZipInfo(file.path.as_posix(), _EPOCH)
    member.create_system = _UNIX
    member.external_attr = (_EXECUTABLE if file.executable else _PLAIN) << 16
    member.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
    member.file_size = file.size
    if is_stored:
        member.extra = _padding(at + _LOCAL_HEADER.size + len(member.filename.encode()))
    with archive.open(member, "w") as sink:
        if isinstance(file.content, bytes):
            sink.write(file.content)
        else:
            with file.content.open("rb") as content:
                shutil.copyfileobj(content, sink)
    member.extra = b""  # the directory at the end has no use for the padding


def _padding(end: int) -> bytes:
    """Return an extra field after which the content begins at a multiple of the page."""
    size = -(end + _PADDING.size) % STORE_PAGE
    return _PADDING.pack(_PADDING_KIND, 2 + size, STORE_PAGE) + bytes(size)


def content_offset(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Return at which byte of the archive the content of a member begins."""
    stream = archive.fp
    assert stream is not None, "the archive is open"
    stream.seek(member.header_offset)
    header = stream.read(_LOCAL_HEADER.size)
    name, extra = _LOCAL_HEADER.unpack(header)
    return member.header_offset + _LOCAL_HEADER.size + int(name) + int(extra)


def unzip(source: Path, into: Path) -> None:
    """Unpack an archive whose every member is a plain file below `into`.

    Raise `UsageError` for what is no zip archive, or has content no build writes.
    """
    with reading_zip(source) as archive:
        members = archive.infolist()
        total = sum(it.file_size for it in members)
        if len(members) > _MOST_MEMBERS or total > _LARGEST_CONTENT:
            message = "it holds too much"
            raise ValueError(message)
        for member in members:
            if not member.is_dir():
                extract(archive, member, into / inner(member.filename))


def extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path) -> None:
    """Write the content of a member to a place where nothing is yet, and no more than it claims."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as content, place.open("xb") as sink:
        shutil.copyfileobj(content, sink)
    place.chmod(0o755 if member.external_attr >> 16 & 0o100 else 0o644)


def read_member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes | None:
    """Return the content of a member, None without one; raise `ValueError` for one too large."""
    try:
        member = archive.getinfo(name)
    except KeyError:
        return None
    if member.file_size > largest:
        message = f"{name} is too large"
        raise ValueError(message)
    with archive.open(member) as content:
        return content.read(largest)
