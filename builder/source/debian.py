"""Sources from the Debian archive, through the mirrors the machine already uses."""

from collections.abc import Mapping
from pathlib import Path

from builder.foundation.fetching.apt import APT, known_mirrors
from builder.foundation.fetching.progress import Progress, Unavailable
from builder.foundation.process import Host
from builder.source import archives, store
from builder.source.apt import SourceApt
from builder.source.pins import Archive, Pin, Release
from builder.vocabulary.plan import Component, SourceTree
from builder.vocabulary.providers import SourceProvider


def open_debian(
    release: Release, host: Host, progress: Progress, *, offline: bool, apt: Path = APT
) -> SourceTree:
    """Fetch the archives not fetched before and make the tree; raise `Unavailable` with why not."""
    chosen = find_archives(release, host, progress, offline=offline, apt=apt)
    return unpack_archives(chosen, release, host, progress)


def find_archives(
    release: Release, host: Host, progress: Progress, *, offline: bool, apt: Path = APT
) -> Mapping[str, Archive]:
    """Return the archive of each component, all of which are in the cache, and as they are pinned.

    What was not fetched before is fetched: raise `Unavailable` with why that is not possible.
    """
    downloads = host.cache / "downloads"
    chosen = {pin.name: held for pin in release.components if (held := _held(pin, downloads))}
    lacking = [pin for pin in release.components if pin.name not in chosen]
    if lacking and offline:
        names = ", ".join(pin.archives[0].file for pin in lacking)
        message = f"offline, and not fetched before: {names}"
        raise Unavailable(message)
    if lacking:
        chosen.update(_fetch(lacking, release, host, progress, apt))
    return chosen


def unpack_archives(
    chosen: Mapping[str, Archive], release: Release, host: Host, progress: Progress
) -> SourceTree:
    """Make the tree of archives that are in the cache, by the name of their component."""
    downloads = host.cache / "downloads"
    components = [
        Component(
            name=pin.name,
            version=chosen[pin.name].version,
            sha256=chosen[pin.name].sha256,
            licence=pin.licence,
            root=downloads,
        )
        for pin in release.components
    ]

    def fill(pin: Pin, root: Path) -> None:
        archive = chosen[pin.name]
        path = downloads / archive.file
        step = f"unpack {pin.name}"
        progress.started(step, archive.size)
        archives.unpack(path, archive, pin, root, lambda done: progress.advanced(step, done))
        progress.finished(step)

    return store.make_tree(host.cache / "sources", release, SourceProvider.DEBIAN, components, fill)


def _held(pin: Pin, downloads: Path) -> Archive | None:
    """Return the archive kept from an earlier run, checked anew; None if there is none."""
    for archive in pin.archives:
        path = downloads / archive.file
        if path.is_file():
            archives.check(path, archive)
            return archive
    return None


def _fetch(
    lacking: list[Pin], release: Release, host: Host, progress: Progress, etc: Path
) -> dict[str, Archive]:
    """Return the archive fetched for each pin, from the first mirror that has them all."""
    chosen: dict[str, Archive] = {}
    failures: dict[str, None] = {}
    packages = [archive.package for pin in lacking for archive in pin.archives]
    for mirror in known_mirrors(etc):
        apt = SourceApt(host, progress)
        try:
            listed = apt.update(mirror, release.suites, packages)
        except Unavailable as failure:
            failures[str(failure)] = None
            continue
        for pin in lacking:
            if pin.name not in chosen:
                try:
                    chosen[pin.name] = apt.fetch(pin, listed)
                except Unavailable as failure:
                    failures[str(failure)] = None
        if len(chosen) == len(lacking):
            apt.clean()
            return chosen
    raise Unavailable("; ".join(failures))
