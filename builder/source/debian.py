"""Sources from the Debian archive, through the mirrors the machine already uses."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from builder.foundation.process import Host
from builder.source import archives, store
from builder.source.apt import Apt
from builder.source.apt_sources import mirrors, parse_deb822, parse_one_line
from builder.source.pins import Archive, Pin, Release
from builder.source.request import Progress, Unavailable
from builder.vocabulary.plan import Component, SourceTree
from builder.vocabulary.providers import SourceProvider

APT: Final = Path("/etc/apt")


def open_debian(
    release: Release, host: Host, progress: Progress, *, offline: bool, apt: Path = APT
) -> SourceTree:
    """Fetch the archives not fetched before and make the tree; raise `Unavailable` with why not."""
    downloads = host.cache / "downloads"
    chosen = {pin.name: held for pin in release.components if (held := _held(pin, downloads))}
    lacking = [pin for pin in release.components if pin.name not in chosen]
    if lacking and offline:
        names = ", ".join(pin.archives[0].file for pin in lacking)
        message = f"offline, and not fetched before: {names}"
        raise Unavailable(message)
    if lacking:
        chosen.update(_fetch(lacking, release, host, progress, apt))
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
    known = mirrors(_entries(etc))
    if not known:
        message = f"{etc} names no mirror of the Debian archive"
        raise Unavailable(message)
    chosen: dict[str, Archive] = {}
    failures: dict[str, None] = {}
    for mirror in known:
        apt = Apt(host, progress)
        try:
            apt.configure(mirror, release.suites)
            listed = apt.update([archive.package for pin in lacking for archive in pin.archives])
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


def _entries(etc: Path) -> Iterator[dict[str, str]]:
    """Yield the machine's apt sources; what cannot be read is not there for us."""
    parts = etc / "sources.list.d"
    for path in [etc / "sources.list", *sorted(parts.glob("*.list"))]:
        with suppress(OSError):
            yield from parse_one_line(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted(parts.glob("*.sources")):
        with suppress(OSError):
            yield from parse_deb822(path.read_text(encoding="utf-8", errors="replace"))
