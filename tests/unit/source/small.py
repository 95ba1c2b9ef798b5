"""A small release of two components, and the archives and checkouts that hold it."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.source.pins import Archive, Pin, Release

VERSION: Final = "2.6.0"
FILES: Final[dict[str, dict[str, str]]] = {
    "pytorch": {"version.txt": "2.6.0a0\n", "c10/core.h": "// core\n", "test/big.py": "# no\n"},
    "fmt": {"include/fmt.h": "// fmt\n"},
}


def tar(entries: Iterable[tarfile.TarInfo | tuple[str, str]], *, mode: str = "w:xz") -> bytes:
    """Pack members: a (path, text) pair is a regular file, anything else goes in as it is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size, info.mtime, info.mode = len(entry[1].encode()), 1_000_000_000, 0o664
                archive.addfile(info, io.BytesIO(entry[1].encode()))
    return buffer.getvalue()


def archive_of(name: str, data: bytes, *, version: str = "1.0", root: str = "") -> Archive:
    """Return the pin of an archive with this content."""
    sha256 = hashlib.sha256(data).hexdigest()
    file = f"{name}_{version}.orig.tar.xz"
    return Archive(
        package=name, version=version, file=file, size=len(data), sha256=sha256, root=root
    )


def packed(name: str, *, root: str = "", extra: Mapping[str, str] | None = None) -> bytes:
    """Return the archive of one component of `FILES`."""
    content = {**FILES[name], **(extra or {})}
    return tar([(f"{root}/{path}" if root else path, text) for path, text in content.items()])


def release(*, url: str = "https://example.invalid/pytorch.git", commit: str = "0" * 40) -> Release:
    """Return a release whose first component has one archive and whose second has two."""
    first = archive_of("pytorch", packed("pytorch", root="pytorch-2.6.0"), root="pytorch-2.6.0")
    choices = (
        archive_of("fmtlib", packed("fmt")),
        archive_of("fmtlib", packed("fmt", extra={"new.h": ""}), version="0.9"),
    )
    top = Pin(
        name="pytorch",
        licence="BSD-3-Clause",
        submodule="",
        requires=("version.txt", "c10/core.h"),
        excludes=("test",),
        archives=(first,),
    )
    fmt = replace(
        top,
        name="fmt",
        licence="MIT",
        submodule="third_party/fmt",
        requires=("include/fmt.h",),
        excludes=(),
        archives=choices,
    )
    return Release(
        version=VERSION,
        url=url,
        tag="v2.6.0",
        commit=commit,
        suites=("trixie",),
        components=(top, fmt),
    )


def contents(pins: Release) -> dict[str, bytes]:
    """Return the bytes of every archive of `release()` by its file name."""
    top, fmt = pins.components
    return {
        top.archives[0].file: packed("pytorch", root="pytorch-2.6.0"),
        fmt.archives[0].file: packed("fmt"),
        fmt.archives[1].file: packed("fmt", extra={"new.h": ""}),
    }


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write a tree of text files."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def listed(root: Path) -> set[str]:
    """Return the files below `root` as relative paths."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


class Recorder:
    """A `Progress` that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.open: list[str] = []
        self.done: dict[str, int] = {}
        self.total: dict[str, int | None] = {}

    def started(self, name: str, total: int | None) -> None:
        assert not self.open, "steps do not overlap"
        self.steps.append(name)
        self.open.append(name)
        self.total[name] = total

    def advanced(self, name: str, done: int) -> None:
        assert self.open == [name]
        self.done[name] = done

    def finished(self, name: str) -> None:
        self.open.remove(name)
