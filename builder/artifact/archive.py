"""Writing the archive: the same files give the same bytes, wherever and whenever."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from builder.foundation.files import open_atomic, sha256_file
from builder.vocabulary.errors import UsageError

_EXECUTABLE: Final = 0o755
_PLAIN: Final = 0o644


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of the archive: its place there, and its content or the file that holds it."""

    path: PurePosixPath
    content: bytes | Path
    executable: bool = False

    def __post_init__(self) -> None:
        """Keep the file inside the folder the archive is unpacked in."""
        assert not self.path.is_absolute(), self.path
        assert self.path.parts, "a file needs a name"
        assert ".." not in self.path.parts, self.path

    @property
    def size(self) -> int:
        """The size in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content as lower-case hex."""
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        return sha256_file(self.content)


def write_archive(files: Iterable[StagedFile], destination: Path, *, epoch: int = 0) -> None:
    """Write `files` as a `.tar.gz` in one step; raise `UsageError` when that is not possible.

    Nothing of this machine gets in: members are sorted by path, all are modified at `epoch`
    (seconds since 1970) and owned by root, modes depend on `executable` alone, and the gzip header
    has neither name nor time.
    """
    members = sorted(files, key=lambda file: file.path.as_posix())
    assert len({file.path for file in members}) == len(members), "two files in one place"
    try:
        with (
            open_atomic(destination) as stream,
            gzip.GzipFile("", "wb", compresslevel=9, fileobj=stream, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for file in members:
                _add(archive, file, epoch)
    except OSError as error:
        message = f"cannot write {destination}: {error.strerror or error}"
        raise UsageError(
            message, hint="free some space, or choose another place with -o"
        ) from error


def _add(archive: tarfile.TarFile, file: StagedFile, epoch: int) -> None:
    member = tarfile.TarInfo(file.path.as_posix())
    member.mtime = epoch
    member.mode = _EXECUTABLE if file.executable else _PLAIN
    member.size = file.size
    if isinstance(file.content, bytes):
        archive.addfile(member, io.BytesIO(file.content))
    else:
        with file.content.open("rb") as content:
            archive.addfile(member, content)
