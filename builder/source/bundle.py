"""One file with every pinned archive of a release: for builds on machines without a network.

It is a plain tar file of archives that are compressed already. What is in it is not trusted: an
archive counts if its SHA-256 is the pinned one, wherever it came from.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from builder.foundation.cache import note_use
from builder.foundation.fetching.progress import Progress
from builder.foundation.files import open_atomic
from builder.foundation.process import Host
from builder.source import store
from builder.source.debian import find_archives, unpack_archives
from builder.source.pins import Archive, Release
from builder.vocabulary.errors import SourceError
from builder.vocabulary.plan import SourceTree
from builder.vocabulary.providers import SourceProvider

_CHUNK: Final = 1 << 20
_MOST_MEMBERS: Final = 1000
_FOLDER: Final = PurePosixPath("build-runtime-sources")
MAKE: Final = "build-runtime source bundle -o FILE"


def write_bundle(
    path: Path, release: Release, host: Host, progress: Progress, *, offline: bool
) -> tuple[Archive, ...]:
    """Write every archive of a release to a tar file; return them, sorted by name.

    What is not in the cache is fetched: raise `Unavailable` with why that is not possible. Equal
    archives give equal bytes.
    """
    found = find_archives(release, host, progress, offline=offline)
    archives = tuple(sorted(found.values(), key=lambda it: it.file))
    with open_atomic(path) as stream, tarfile.open(fileobj=stream, mode="w") as bundle:
        for archive in archives:
            member = tarfile.TarInfo(str(_FOLDER / archive.file))
            member.size = archive.size
            with (host.cache / "downloads" / archive.file).open("rb") as content:
                bundle.addfile(member, content)
    return archives


def open_bundle(path: Path, release: Release, host: Host, progress: Progress) -> SourceTree:
    """Return the tree of the archives in a bundle, which are kept in the cache.

    Raise `SourceError` for a file that cannot be read, is no bundle, lacks an archive, or holds
    another in its place. The caller holds the lock on the sources.
    """
    with _reading(path) as bundle:
        members = {PurePosixPath(it.name).name: it for it in _members(bundle)}
        chosen = _choose(members, release, path)
        wanted = store.digest(release, {name: it.sha256 for name, it in chosen.items()})
        note_use(host.cache, store.place(host.cache / "sources", release, wanted))
        tree = store.find_tree(host.cache / "sources", release, SourceProvider.DEBIAN)
        if tree is not None and tree.digest == wanted:
            return tree
        for archive in chosen.values():
            member = members[archive.file]
            # a sparse member tells a size that is not in the file
            if member.size != archive.size or member.issparse():
                raise _other(path, archive)
            content = bundle.extractfile(member)
            assert content is not None, "it is a plain file"
            with content:
                _keep(content, archive, host.cache / "downloads" / archive.file, path)
    return unpack_archives(chosen, release, host, progress)


def _members(bundle: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for count, member in enumerate(bundle):
        if count >= _MOST_MEMBERS:
            message = "it holds too many files"
            raise tarfile.TarError(message)
        if member.isreg():
            yield member


def _choose(members: Iterable[str], release: Release, path: Path) -> Mapping[str, Archive]:
    """Return the archive of each component that a bundle has; raise unless it has one of each."""
    held = frozenset(members)
    chosen = {
        pin.name: archive
        for pin in release.components
        for archive in reversed(pin.archives)
        if archive.file in held
    }
    lacking = [it.archives[0].file for it in release.components if it.name not in chosen]
    if lacking:
        raise SourceError(
            f"{path} is no bundle of the sources of PyTorch {release.version}:"
            f" it lacks {', '.join(lacking)}",
            hint=f"make one with this release of build-runtime, where there is a network: {MAKE}",
        )
    return chosen


def _keep(content: IO[bytes], archive: Archive, place: Path, bundle: Path) -> None:
    """Copy an archive to the cache, at most as many bytes as it has.

    Nothing is kept of one that is not as it was pinned.
    """
    digest = hashlib.sha256()
    left = archive.size
    with open_atomic(place) as stream:
        while chunk := content.read(min(_CHUNK, left)):
            left -= len(chunk)
            digest.update(chunk)
            stream.write(chunk)
        if digest.hexdigest() != archive.sha256:
            raise _other(bundle, archive)


class _File(io.FileIO):
    """A bundle; that it cannot be read is told apart from a cache that cannot be written."""

    def __init__(self, path: Path) -> None:
        """Open it; raise `SourceError` where that is not possible."""
        self._path = path
        with _telling(path):
            super().__init__(path)

    def read(self, size: int | None = -1) -> bytes:
        """Return `size` bytes at most; raise `SourceError` where they cannot be read."""
        with _telling(self._path):
            return super().read(size)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"cannot read {path}: {error.strerror or error}",
            hint="let it be read by you, or copy it again",
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with _File(path) as stream, tarfile.open(fileobj=stream, mode="r:") as bundle:
            yield bundle
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _damaged(path, str(error) or "it ends early") from error


def _other(bundle: Path, archive: Archive) -> SourceError:
    return _damaged(bundle, f"{archive.file} is not the pinned archive")


def _damaged(path: Path, why: str) -> SourceError:
    return SourceError(
        f"{path} is no bundle of sources, or a damaged one: {why}",
        hint=f"copy it again, or make it anew: {MAKE}",
    )
