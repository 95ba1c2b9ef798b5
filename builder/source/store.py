"""The trees kept in the cache: found by their stamp, made in one step, never modified after."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from builder.foundation import files
from builder.source.pins import Pin, Release
from builder.vocabulary.errors import SourceError
from builder.vocabulary.plan import Component, SourceTree
from builder.vocabulary.providers import SourceProvider

_STAMP: Final = "stamp.json"
_SCHEMA: Final = 1


def digest(release: Release, identities: dict[str, str]) -> str:
    """Return the SHA-256 that names a tree: over the sorted identities of its components.

    An identity is the SHA-256 of the component's archive, or its commit. What is left out of an
    archive counts too, because it changes what the tree holds.
    """
    lines = (
        f"{pin.name} {identities[pin.name]} {' '.join(sorted(pin.excludes))}\n"
        for pin in sorted(release.components, key=lambda pin: pin.name)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def identity(component: Component) -> str:
    """Return what `digest` needs of a component: its archive's SHA-256, else its commit."""
    return component.sha256 or component.version


def place(sources: Path, release: Release, name: str) -> Path:
    """Return where the tree of a digest lies."""
    return sources / f"{release.version}-{name[:16]}"


def find_tree(sources: Path, release: Release, provider: SourceProvider) -> SourceTree | None:
    """Return the best finished tree of `release`, or None. Reads stamps only, hashes nothing."""
    found = [
        (rank, stamp.parent.name, tree)
        for stamp in sources.glob(f"{release.version}-*/{_STAMP}")
        if (tree := _read(stamp, release)) is not None
        and provider in {SourceProvider.AUTO, SourceProvider.CACHE, tree.provider}
        and (rank := _rank(tree, release)) is not None
    ]
    return min(found, key=lambda entry: entry[:2])[2] if found else None


def _rank(tree: SourceTree, release: Release) -> int | None:
    """Return how many components are second choices; None when the pins do not allow the tree."""
    held = {component.name: component for component in tree.components}
    if held.keys() != {pin.name for pin in release.components}:
        return None
    if tree.digest != digest(release, {name: identity(held[name]) for name in held}):
        return None
    if tree.provider == SourceProvider.GIT:
        # The commit names the commits of all submodules: one comparison vouches for the tree.
        return 0 if held["pytorch"].version == release.commit else None
    rank = 0
    for pin in release.components:
        choices = [archive.sha256 for archive in pin.archives]
        if held[pin.name].sha256 not in choices:
            return None
        rank += choices.index(held[pin.name].sha256) > 0
    return rank


def _read(stamp: Path, release: Release) -> SourceTree | None:
    """Read a stamp; None for one that another version of this program or an accident left."""
    try:
        content: Any = json.loads(stamp.read_bytes())
        if content["schema"] != _SCHEMA or content["version"] != release.version:
            return None
        components = tuple(
            Component(root=stamp.parent / entry["name"], **entry) for entry in content["components"]
        )
        tree = SourceTree(release.version, content["digest"], content["provider"], components)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return tree if all(component.root.is_dir() for component in components) else None


def make_tree(
    sources: Path,
    release: Release,
    provider: SourceProvider,
    components: Iterable[Component],
    fill: Callable[[Pin, Path], None],
) -> SourceTree:
    """Make a tree by filling one directory per component; it appears whole or not at all.

    The roots of the given components are replaced. The caller holds the lock on `sources`.
    """
    held = {component.name: component for component in components}
    name = digest(release, {name: identity(component) for name, component in held.items()})
    home = place(sources, release, name)
    _sweep(sources, release)
    with files.new_directory(home) as scratch:
        for pin in release.components:
            root = scratch / pin.name
            root.mkdir()
            fill(pin, root)
            if lacking := missing(pin, root):
                message = (
                    f"the {provider} source of {pin.name} {held[pin.name].version} "
                    f"lacks {', '.join(lacking)}"
                )
                raise SourceError(message, hint="pass a checkout with --source DIR")
        stamp = {
            "schema": _SCHEMA,
            "version": release.version,
            "digest": name,
            "provider": provider.value,
            "components": [
                {"name": c.name, "version": c.version, "sha256": c.sha256, "licence": c.licence}
                for c in (held[pin.name] for pin in release.components)
            ],
        }
        files.write_atomic(scratch / _STAMP, json.dumps(stamp, indent=1) + "\n")
    tree = _read(home / _STAMP, release)
    assert tree is not None, "a stamp just written can be read"
    return tree


def missing(pin: Pin, root: Path) -> tuple[str, ...]:
    """Return the required paths that `root` lacks."""
    return tuple(path for path in pin.requires if not (root / path).exists())


def _sweep(sources: Path, release: Release) -> None:
    """Remove what killed processes left half-made; nobody else works here under the lock."""
    for leftover in sources.glob(f".{release.version}-*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
