"""Writing the archive: the same files give the same bytes, wherever and whenever."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from builder.artifact.staging import StagedFile
from builder.foundation.files import open_atomic
from builder.vocabulary.errors import UsageError

_EXECUTABLE: Final = 0o755
_PLAIN: Final = 0o644


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
