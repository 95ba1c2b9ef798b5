"""Trying the providers in order, one process at a time, and saying why each of them failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.foundation.cache import note_use
from builder.foundation.fetching.progress import Progress, Unavailable, alone
from builder.foundation.process import Host
from builder.source import store
from builder.source.bundle import open_bundle
from builder.source.debian import open_debian
from builder.source.directory import open_directory
from builder.source.git import open_git
from builder.source.pins import Release, pins
from builder.source.request import SourceRequest
from builder.vocabulary.errors import SourceError
from builder.vocabulary.plan import SourceTree
from builder.vocabulary.providers import SourceProvider


@contextmanager
def fetching(host: Host, progress: Progress) -> Iterator[None]:
    """Hold the lock under which archives are fetched, and trees are made."""
    with alone(host.cache / "sources" / ".lock", "fetching sources", progress):
        yield


def will_fetch(request: SourceRequest, host: Host) -> bool:
    """Tell whether opening the source would use the network, which can take minutes."""
    if request.directory is not None or request.offline or request.provider is SourceProvider.CACHE:
        return False
    release = pins(request.version)
    return store.find_tree(host.cache / "sources", release, request.provider) is None


def open_source(request: SourceRequest, host: Host, progress: Progress) -> SourceTree:
    """Return the pinned tree, fetching it if need be.

    Raise `SourceError` when no provider has it, when a checksum is wrong (at once: that is no
    reason to look elsewhere), or when the cache cannot be written. An interrupted call is
    continued by the next one, and two processes may call at once.
    """
    release = pins(request.version)
    sources = host.cache / "sources"
    if request.directory is not None:
        if not request.pinned:
            return open_directory(request.directory, release)
        with _keeping(host), fetching(host, progress):
            return open_bundle(request.directory, release, host, progress)
    tree = _find(request, release, host)
    if tree is not None:
        return tree
    if request.provider is SourceProvider.CACHE:
        raise _exhausted(release, [f"cache (no tree in {sources})"])
    with _keeping(host), fetching(host, progress):
        # Whoever held the lock before us may have made the tree.
        tree = _find(request, release, host) or _fetch(request, release, host, progress)
        note_use(host.cache, _place(tree))
        return tree


def _find(request: SourceRequest, release: Release, host: Host) -> SourceTree | None:
    """Return a tree that is kept and that nobody prunes from now on; None if there is none."""
    tree = store.find_tree(host.cache / "sources", release, request.provider)
    if tree is None:
        return None
    note_use(host.cache, _place(tree))
    return tree if _place(tree).is_dir() else None  # it may have been pruned before that


def _place(tree: SourceTree) -> Path:
    return tree.root("pytorch").parent


@contextmanager
def _keeping(host: Host) -> Iterator[None]:
    """Raise `SourceError` where the cache cannot be written."""
    try:
        yield
    except OSError as error:
        message = f"cannot keep sources in {host.cache}: {error.strerror or error}"
        raise SourceError(
            message, hint="free some space (400 MB are needed) or choose another cache directory"
        ) from error


def _fetch(request: SourceRequest, release: Release, host: Host, progress: Progress) -> SourceTree:
    ways = {SourceProvider.GIT: open_git, SourceProvider.DEBIAN: open_debian}
    tried = [f"cache (no tree in {host.cache / 'sources'})"]
    for provider, open_provider in ways.items():
        if request.provider in {SourceProvider.AUTO, provider}:
            try:
                return open_provider(release, host, progress, offline=request.offline)
            except Unavailable as failure:
                tried.append(f"{provider} ({failure})")
    raise _exhausted(release, tried)


def _exhausted(release: Release, tried: list[str]) -> SourceError:
    return SourceError(
        f"no source of PyTorch {release.version}",
        looked_in=tried,
        hint=f"connect to the network, or pass --source DIR with a checkout of {release.tag} "
        "and its submodules",
    )
