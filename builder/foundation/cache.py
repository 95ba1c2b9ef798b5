"""What the cache keeps: where, how large, last used when; and removing what is used least.

Note [Prune beside builds]: whoever uses the cache holds a lease, a lock in `running/`. What was
used since the oldest lease began stays: a build may go back to it. Each use is noted, and each
removal is decided, under one lock, so nothing is removed between being noted and being used.

A shelf that is a link is another's, such as the sources that `verify --rebuild` takes: its leases
are elsewhere, so it is neither counted nor pruned.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation.files import check_writable, held, locked, touch

_LEASES: Final = "running"
_USES: Final = "uses"
_LOCK: Final = "prune.lock"
_TRASH: Final = ".pruned."


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of the cache; its entries are used and removed one by one, or all as one."""

    name: str
    what: str
    whole: bool = False


SHELVES: Final = (
    Shelf("sources", "unpacked source trees"),
    Shelf("downloads", "verified archives"),
    Shelf("generated", "generated operator code"),
    Shelf("objects", "compiled objects, shared by all models"),
    Shelf("packs", "objects of packs that were imported"),
    Shelf("builds", "linked runtimes"),
    Shelf("models", "converted models"),
    Shelf("results", "answers to repeated commands"),
    Shelf("traces", "what models executed in desktop torch"),
    Shelf("toolchains", "compiler wrappers"),
    Shelf("zig", "zig's runtime libraries", whole=True),
    Shelf("emulators", "emulators and C libraries of other ABIs"),
    Shelf("logs", "logs"),
    Shelf("catalogues", "operators of unknown sources"),
    Shelf("indexes", "what builds learned of the sources"),
    Shelf("apt", "package lists of Debian", whole=True),
)
"""All that builds keep. What else lies in the folder is not ours, and is never touched."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is kept: its size in bytes, and when it was last used (seconds since 1970)."""

    shelf: str
    name: str
    path: Path
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, and what would have been if nobody were using the cache."""

    removed: tuple[Entry, ...]
    in_use: tuple[Entry, ...]


def inventory(cache: Path) -> tuple[Entry, ...]:
    """Return every entry, shelf by shelf and by name."""
    return tuple(
        Entry(shelf.name, path.name, path, _size(path), _used(cache, shelf, path))
        for shelf in SHELVES
        for path in _entries(cache, shelf)
    )


def note_use(cache: Path, path: Path) -> None:
    """Note that an entry is used now; call it before looking whether the entry is there.

    A cache that cannot be written serves as far as it goes.
    """
    if not path.is_relative_to(cache):
        return
    shelf, name, *_ = (*path.relative_to(cache).parts, "")
    with suppress(OSError), locked(cache / _LOCK):
        mark = cache / _USES / shelf / (name or shelf)
        touch(mark)
        os.utime(mark)


@contextmanager
def lease(cache: Path) -> Iterator[None]:
    """Keep what is used from now on from being pruned by others, until the block ends.

    Raise `UsageError` when the cache cannot be written.
    """
    check_writable(cache, option="--cache-dir")
    folder = cache / _LEASES
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, suffix=".lock")
    os.close(descriptor)
    try:
        with locked(Path(name)):
            yield
    finally:
        Path(name).unlink(missing_ok=True)


def prune(
    cache: Path,
    *,
    max_size: int | None = None,
    older_than: float | None = None,
    now: Callable[[], float] = time.time,
) -> Pruned:
    """Remove what was not used for `older_than` seconds, then the least recently used entries.

    Those go until all together take `max_size` bytes at most. What a running command may use stays.
    """
    for trash in _trash(cache):  # of one that was killed
        shutil.rmtree(trash, ignore_errors=True)
    entries = sorted(inventory(cache), key=lambda it: (it.used, it.shelf, it.name))
    left = sum(it.size for it in entries)
    removed: list[Entry] = []
    kept: list[Entry] = []
    for entry in entries:
        old = older_than is not None and entry.used < now() - older_than
        if not old and (max_size is None or left <= max_size):
            continue
        if _remove(cache, entry):
            left -= entry.size
            removed.append(entry)
        else:
            kept.append(entry)
    return Pruned(tuple(removed), tuple(kept))


def _remove(cache: Path, entry: Entry) -> bool:
    """Remove an entry, unless a running command may use it."""
    shelf = next(it for it in SHELVES if it.name == entry.shelf)
    with locked(cache / _LOCK):
        if _used(cache, shelf, entry.path) >= _oldest_lease(cache):
            return False
        # out of sight in one step: what is killed meanwhile must not leave half of it in its place
        trash = Path(tempfile.mkdtemp(dir=entry.path.parent, prefix=_TRASH))
        entry.path.rename(trash / entry.name)
        (cache / _USES / shelf.name / entry.name).unlink(missing_ok=True)
    shutil.rmtree(trash, ignore_errors=True)
    return True


def _oldest_lease(cache: Path) -> float:
    """Return when the oldest running command began; leases of commands that died are tidied up."""
    oldest = float("inf")
    for path in (cache / _LEASES).glob("*.lock"):
        began = path.stat().st_mtime
        if held(path):
            oldest = min(oldest, began)
        else:
            path.unlink(missing_ok=True)
    return oldest


def _trash(cache: Path) -> Iterator[Path]:
    for folder in (cache, *(cache / it.name for it in SHELVES)):
        if folder == cache or not folder.is_symlink():
            yield from folder.glob(f"{_TRASH}*")


def _entries(cache: Path, shelf: Shelf) -> Iterator[Path]:
    folder = cache / shelf.name
    if folder.is_symlink():
        return
    if shelf.whole:
        found = [folder] if folder.is_dir() else []
    else:
        found = sorted(folder.iterdir()) if folder.is_dir() else []
    yield from (it for it in found if it.suffix != ".lock" and not it.name.startswith("."))


def _used(cache: Path, shelf: Shelf, path: Path) -> float:
    mark = cache / _USES / shelf.name / path.name
    return (mark if mark.exists() else path).lstat().st_mtime


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(it.lstat().st_size for it in path.rglob("*") if it.is_symlink() or it.is_file())
