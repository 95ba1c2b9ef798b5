"""Where the size reports of an artifact are; nothing else of it is read."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from builder.artifact.android import layout as android
from builder.artifact.android.unpacking import find_aar
from builder.artifact.android.zips import read_member, reading_zip
from builder.artifact.reading import HINT
from builder.artifact.tar.layout import SIZE_REPORT
from builder.artifact.tar.unpacking import Bounded, members
from builder.vocabulary.errors import UsageError
from builder.vocabulary.targets import Abi

_CHUNK: Final = 1 << 16
_LARGEST: Final = 50_000_000
_DAMAGED: Final = (
    tarfile.TarError, KeyError, OSError, EOFError, ValueError, zlib.error,
)  # fmt: skip
"""What reading a compressed archive may raise when its bytes are not what they were."""


def read_size_reports(artifact: Path) -> tuple[str, ...]:
    """Return the JSON of each ABI's report; raise `UsageError` where there is none."""
    if not artifact.exists():
        raise UsageError(f"no such artifact: {artifact}", hint=HINT)
    try:
        found = tuple(_in_folder(artifact) if artifact.is_dir() else _in_archive(artifact))
    except _DAMAGED as error:
        raise UsageError(f"{artifact} is no artifact of build-runtime", hint=HINT) from error
    if not found:
        raise UsageError(f"{artifact} holds no size report", hint=HINT)
    return found


def _in_folder(folder: Path) -> Iterator[str]:
    places = [it for it in _places() if (folder / it).is_file()]
    for place in places:
        yield (folder / place).read_text(encoding="utf-8")
    published = None if places else find_aar(folder)
    if published is not None:
        yield from _in_archive(published)


def _in_archive(archive: Path) -> Iterator[str]:
    if zipfile.is_zipfile(archive):
        with reading_zip(archive) as opened:
            for place in _places():
                data = read_member(opened, place, _LARGEST)
                if data is not None:
                    yield data.decode("utf-8")
        return
    with (
        Bounded(archive, "rb") as stream,
        tarfile.open(fileobj=stream, mode="r:") as opened_tar,
    ):
        found = [it for it in members(opened_tar) if it.name == str(SIZE_REPORT) and it.isreg()]
        for member in found[-1:]:
            if member.size <= _LARGEST:
                yield _content(opened_tar, member).decode("utf-8")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(member)
    assert content is not None, "it is a plain file"
    with content:
        return b"".join(iter(lambda: content.read(_CHUNK), b""))


def _places() -> Iterator[str]:
    yield str(SIZE_REPORT)
    yield from (str(android.size_report(abi)) for abi in Abi)
