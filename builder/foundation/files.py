"""Writing files: the only writer. Whole files appear at once, and unchanged ones are left alone."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from builder.vocabulary.errors import UsageError
from builder.vocabulary.plan import GeneratedFile

_CHUNK: Final = 1 << 20
_POLL: Final = 1.0  # seconds until it is looked again who holds a lock

OnWait = Callable[[str], None]
"""Told for whom is waited, in one line, whenever that is another than before."""


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def open_atomic(path: Path, *, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """Yield a stream whose content becomes `path` in one step on success, nothing on failure.

    A reader sees the old content or the new, never a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, data: bytes | str, *, mode: int = 0o644) -> None:
    """Replace `path` in one step: a reader sees the old content or the new, never a part."""
    with open_atomic(path, mode=mode) as stream:
        stream.write(data.encode() if isinstance(data, str) else data)


def write_if_changed(path: Path, data: bytes | str, *, mode: int = 0o644) -> bool:
    """Write only when the content differs, so that time stamps tell the build the truth."""
    raw = data.encode() if isinstance(data, str) else data
    if path.is_file() and path.read_bytes() == raw:
        return False
    write_atomic(path, raw, mode=mode)
    return True


def write_tree(files: Iterable[GeneratedFile], root: Path) -> frozenset[Path]:
    """Make `root` hold exactly these files; return the paths that changed."""
    wanted = {root / file.path: file.text for file in files}
    found = sorted(root.rglob("*"), reverse=True)  # what a directory holds before the directory
    stale = {path for path in found if path.is_symlink() or not path.is_dir()} - wanted.keys()
    for path in found:
        if path in stale:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    changed = {path for path, text in wanted.items() if write_if_changed(path, text)}
    return frozenset(stale | changed)


def copy_atomic(source: Path, destination: Path) -> None:
    """Copy a file so that `destination` never holds a part of it."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=destination.parent, prefix=f".{destination.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream, source.open("rb") as origin:
            shutil.copyfileobj(origin, stream, _CHUNK)
        temporary.chmod(source.stat().st_mode & 0o777)
        temporary.replace(destination)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def relative(path: Path, folder: Path) -> str:
    """Return how to name `path` from `folder`, going up where it lies beside it."""
    return os.path.relpath(path, folder)  # noqa: TID251  pathlib has none before Python 3.12


def set_time(path: Path, time: int) -> None:
    """Set when a file was modified, in nanoseconds since 1970."""
    os.utime(path, ns=(time, time))


def touch(path: Path) -> None:
    """Make an empty file where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def replace_link(link: Path, target: Path, *, within: Path | None = None) -> None:
    """Make `link` a symbolic link to `target` in one step; one that is right is left alone.

    Inside of `within`, which may be moved as a whole, the link is relative.
    """
    if within is not None and target.is_relative_to(within):
        target = Path(relative(target, link.parent))
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=link.parent, prefix=f".{link.name}.") as scratch:
        temporary = Path(scratch) / link.name
        temporary.symlink_to(target)
        temporary.replace(link)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield a scratch directory that becomes `path` on success and disappears on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield scratch
        scratch.chmod(0o755)
        if path.exists():
            # Not removed in place: what is killed meanwhile must not leave half a directory there.
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.old.") as old:
                path.replace(Path(old) / path.name)
                scratch.replace(path)
        else:
            scratch.replace(path)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


@contextmanager
def locked(path: Path, *, doing: str = "", on_wait: OnWait | None = None) -> Iterator[None]:
    """Hold an exclusive lock on `path` across processes; it is released when the process dies.

    `doing` says to whoever waits what the lock is held for, as long as that takes a while.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _acquired(path, on_wait):
        # a file of its own: who tries to lock a file empties it
        note = _holder_note(path)
        if doing:
            holder = {"process": os.getpid(), "since": time.time(), "doing": doing}
            write_atomic(note, json.dumps(holder))
        try:
            yield
        finally:
            if doing:
                note.unlink(missing_ok=True)


@contextmanager
def _acquired(path: Path, on_wait: OnWait | None) -> Iterator[None]:
    from filelock import FileLock, Timeout  # noqa: PLC0415  slow to load, and rarely needed

    lock = FileLock(path)
    told = None
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0 if told is None else _POLL)
        except Timeout:
            holder = _holder(path)
            if holder != told and on_wait is not None:
                on_wait(holder)
            told = holder
    try:
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    """Return who holds a lock and what for, as far as that was noted."""
    try:
        noted = json.loads(_holder_note(path).read_text(encoding="utf-8"))
        since = time.strftime("%H:%M:%S", time.localtime(float(noted["since"])))
        return f"process {int(noted['process'])}, since {since}: {noted['doing']}"
    except (OSError, ValueError, LookupError, TypeError):
        return "another build-runtime"


def _holder_note(path: Path) -> Path:
    return path.with_name(f".{path.name}.holder")


def held(path: Path) -> bool:
    """Whether a process holds the lock on `path` at this moment."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  as above

    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def check_writable(directory: Path, *, option: str = "-o") -> None:
    """Raise `UsageError` unless files can be made in `directory` (or it can be created).

    `option` is how the user chose it.
    """
    existing = directory
    while not os.access(existing, os.F_OK) and existing != existing.parent:
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK) or not existing.is_dir():
        reason = "no permission" if existing.is_dir() else "not a directory"
        message = f"cannot write to {directory}"
        raise UsageError(
            message,
            looked_in=[f"{existing} ({reason})"],
            hint=f"choose another directory with {option}",
        )


def check_file_writable(path: Path, *, option: str) -> None:
    """Raise `UsageError` unless a file can be written at `path`, which the user chose by option."""
    if path.is_dir():
        raise UsageError(
            f"cannot write to {path}",
            looked_in=[f"{path} (a directory)"],
            hint=f"name a file with {option}",
        )
    check_writable(path.parent, option=option)
