"""Source archives: check them before use, and unpack them without trusting their paths."""

import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from builder.foundation import files
from builder.source.pins import Archive, Pin
from builder.vocabulary.errors import SourceError


def check(path: Path, archive: Archive) -> None:
    """Delete the file and raise `SourceError` unless it is, byte for byte, the pinned archive."""
    found = files.sha256_file(path)
    if found != archive.sha256:
        path.unlink(missing_ok=True)
        raise wrong_checksum(archive, found, str(path))


def wrong_checksum(archive: Archive, found: str, place: str) -> SourceError:
    """Return the error for an archive that is not the pinned one."""
    return SourceError(
        f"wrong checksum for {archive.file}\n"
        f"    expected sha256 {archive.sha256}\n"
        f"    got      sha256 {found}",
        looked_in=[place],
        hint="run the same command again: nothing of this file was kept, it will be fetched anew; "
        "if it happens again, do not trust the mirror",
    )


def unpack(
    path: Path, archive: Archive, pin: Pin, into: Path, advanced: Callable[[int], None]
) -> None:
    """Unpack a checked archive; `advanced` gets the bytes of the archive read so far.

    The rules of `tarfile`'s data filter are kept by our own code, because Python 3.11 has the
    filter only from its fourth patch release on, and Debian 12 ships the second. Links come last,
    so that nothing is ever written through one.
    """
    links: list[tuple[Path, str]] = []
    try:
        with path.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
            for member in tar:
                inner = _inner(member.name, archive)
                if inner is None or _excluded(inner, pin):
                    continue
                _write(tar, member, into / inner, links, archive)
                advanced(raw.tell())
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
        message = f"cannot unpack {archive.file}: {error}"
        raise SourceError(message, looked_in=[str(path)]) from error
    for place, target in links:
        if place.exists() or place.is_symlink():
            raise _refused(archive, f"a link in place of a file, {place.name} -> {target}")
        place.symlink_to(target)
    for place, target in links:
        if not place.resolve().is_relative_to(into.resolve()):
            raise _refused(archive, f"a link out of the tree, {place.name} -> {target}")


def _inner(name: str, archive: Archive) -> PurePosixPath | None:
    """Return the path below the component's directory; None for itself, and what is no part."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _refused(archive, f"the path {name!r}")
    root = PurePosixPath(archive.root)
    if not path.is_relative_to(root):
        raise _refused(archive, f"the path {name!r} outside {archive.root}")
    part = root / archive.part
    return path.relative_to(part) if path != part and path.is_relative_to(part) else None


def _excluded(path: PurePosixPath, pin: Pin) -> bool:
    return any(path.is_relative_to(prefix) for prefix in pin.excludes)


def _write(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    place: Path,
    links: list[tuple[Path, str]],
    archive: Archive,
) -> None:
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        links.append((place, member.linkname))
        return
    content = tar.extractfile(member) if member.isreg() else None
    if content is None or place.exists():
        raise _refused(archive, f"{member.name!r}, a special or repeated member")
    with content, place.open("xb") as sink:
        shutil.copyfileobj(content, sink)
    place.chmod(0o755 if member.mode & 0o100 else 0o644)
    # The archive's own time: a tree unpacked again must not look newer than objects built from it.
    os.utime(place, (member.mtime, member.mtime))


def _refused(archive: Archive, what: str) -> SourceError:
    return SourceError(
        f"{archive.file} holds {what}: refused",
        hint="do not use this archive; pass a checkout with --source DIR",
    )
