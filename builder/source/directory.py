"""Sources the user has: a PyTorch checkout with submodules, or components side by side."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from builder.source import store
from builder.source.pins import Pin, Release
from builder.vocabulary.errors import SourceError
from builder.vocabulary.plan import Component, SourceTree

PROVIDER: Final = "directory"

_GENERATED: Final = frozenset({"__pycache__", "build", "dist", "node_modules"})


def open_directory(directory: Path, release: Release) -> SourceTree:
    """Check the directory and describe it; raise `SourceError` naming all that is missing.

    The digest is taken over the paths, sizes and modification times (ns) of the files: under
    half a second where hashing 270 MB takes several, and any edit changes it. Two copies of the
    same files therefore count as different sources.
    """
    directory = directory.expanduser().absolute()
    top = next(pin for pin in release.components if not pin.submodule)
    checkout = (directory / "version.txt").is_file()
    if not checkout and not (directory / top.name / "version.txt").is_file():
        message = f"{directory} is no PyTorch source"
        raise SourceError(
            message,
            looked_in=[f"{directory / place} (no such file)" for place in _MARKS],
            hint="pass a PyTorch checkout, or a directory that holds "
            + ", ".join(pin.name for pin in release.components),
        )
    roots = {
        pin.name: directory / (pin.submodule if checkout else pin.name)
        for pin in release.components
    }
    _check_version(roots[top.name] / "version.txt", release)
    lacking = [
        f"{pin.name}: {roots[pin.name] / path}"
        for pin in release.components
        for path in store.missing(pin, roots[pin.name])
    ]
    if lacking:
        raise SourceError(
            f"{directory} is not complete, it lacks\n"
            + "\n".join(f"    {entry}" for entry in lacking),
            hint=_hint(directory, release, roots),
        )
    components = tuple(
        Component(
            name=pin.name, version=release.version if pin is top else "", sha256="",
            licence=pin.licence, root=roots[pin.name],
        )
        for pin in release.components
    )  # fmt: skip
    return SourceTree(release.version, _digest(release, roots), PROVIDER, components)


_MARKS: Final = ("version.txt", "pytorch/version.txt")


def _check_version(path: Path, release: Release) -> None:
    """Development suffixes pass: the tag of 2.6.0 itself says `2.6.0a0`."""
    found = path.read_text(encoding="utf-8", errors="replace").strip()
    number = found.partition("+")[0]
    rest = number.removeprefix(release.version)
    if rest == number or rest[:1].isdigit() or rest[:1] == ".":
        message = f"{path.parent} is PyTorch {found or 'of no version'}, not {release.version}"
        raise SourceError(message, looked_in=[str(path)], hint=f"check out the tag {release.tag}")


def _hint(directory: Path, release: Release, roots: dict[str, Path]) -> str:
    if not (directory / ".git").exists():
        return "unpack these there, or leave --source away to have everything fetched"
    paths = [
        pin.submodule
        for pin in release.components
        if pin.submodule and store.missing(pin, roots[pin.name])
    ]
    if not paths:
        return f"check out the tag {release.tag} again"
    return f"git -C {directory} submodule update --init --depth 1 -- {' '.join(paths)}"


def _digest(release: Release, roots: dict[str, Path]) -> str:
    """Hash what identifies the files cheaply; the same files are not counted for two components."""
    digest = hashlib.sha256()
    others = frozenset(roots.values())
    for pin in sorted(release.components, key=lambda pin: pin.name):
        root = roots[pin.name]
        pruned = (others - {root}) | {root / path for path in pin.excludes}
        for path, size, changed in sorted(_walk(root, root, pruned, pin)):
            digest.update(
                f"{pin.name}/{path} {size} {changed}\n".encode("utf-8", "surrogateescape")
            )
    return digest.hexdigest()


def _walk(
    root: Path, place: Path, pruned: frozenset[Path], pin: Pin
) -> Iterator[tuple[str, int, int]]:
    with os.scandir(place) as entries:
        for entry in entries:
            path = place / entry.name
            if entry.is_dir(follow_symlinks=False):
                hidden = entry.name.startswith(".") or entry.name in _GENERATED
                if not hidden and path not in pruned:
                    yield from _walk(root, path, pruned, pin)
            else:
                status = entry.stat(follow_symlinks=False)
                yield path.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns
