"""Emulators and C libraries of other ABIs: Debian packages in our cache, where the system has none.

They are fetched with the mirrors the machine already uses and trusts, and unpacked below the cache:
no root is needed, and nothing in the system changes.
"""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation import files
from builder.foundation.cache import note_use
from builder.foundation.fetching.apt import APT, Apt, known_mirrors
from builder.foundation.fetching.mirrors import Mirror, render
from builder.foundation.fetching.programs import command
from builder.foundation.fetching.progress import Progress, Unavailable, alone
from builder.foundation.process import Host
from builder.vocabulary.targets import Abi, Platform, Target, make_target, target_facts

_VERSION: Final = "version"
_DOING: Final = "fetching an emulator"


@dataclass(frozen=True, slots=True)
class Offer:
    """A release of Debian whose `package` holds emulators that need no library of the system.

    The names of its programs end with `suffix`.
    """

    suite: str
    package: str
    suffix: str = ""


OFFERS: Final = (Offer("trixie", "qemu-user"), Offer("bookworm", "qemu-user-static", "-static"))
"""The first that can be had is taken."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """An emulator of the cache with a C library for it; `what` tells both to people."""

    program: Path
    sysroot: Path
    what: str


@dataclass(frozen=True, slots=True)
class _Package:
    """A package in our cache: those of its files that are needed, and its version."""

    name: str
    root: Path

    @property
    def version(self) -> str:
        return (self.root / _VERSION).read_text(encoding="utf-8")

    @property
    def here(self) -> bool:
        return (self.root / _VERSION).is_file()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def needed_packages(target: Target) -> tuple[str, ...]:
    """Return the Debian packages with which programs of `target` run; none where they never can."""
    library = target_facts(target).libc_package
    return (OFFERS[0].package, library) if library else ()


def can_fetch(target: Target, host: Host, *, etc: Path = APT) -> bool:
    """Whether it is worth trying: the machine has apt, and a mirror of the Debian archive."""
    if not needed_packages(target):
        return False
    try:
        command(host, etc, "apt-get")
        return bool(known_mirrors(etc))
    except Unavailable:
        return False


def find_emulator(target: Target, host: Host) -> Emulator | None:
    """Return the emulator that was fetched earlier, or None."""
    known = target_facts(target)
    if not known.libc_package:
        return None
    library = _package(known.libc_package, host)
    for offer in OFFERS:
        emulator = _package(offer.package, host)
        if emulator.here and library.here:
            return Emulator(
                emulator.root / "usr/bin" / f"{known.emulator}{offer.suffix}",
                library.root / known.sysroot.lstrip("/"),
                f"{known.emulator} of {emulator}, with {library}",
            )
    return None


def fetch_emulator(target: Target, host: Host, progress: Progress, *, etc: Path = APT) -> Emulator:
    """Fetch the emulator and the C library for `target`; raise `Unavailable` with why not."""
    folder = host.cache / "emulators"
    for program in ("apt-get", "dpkg-deb"):
        command(host, folder, program)
    try:
        with alone(folder / ".lock", _DOING, progress):
            _fetch(target, folder, host, progress, etc)
    except OSError as error:
        message = f"cannot keep it in {folder}: {error.strerror or error}"
        raise Unavailable(message) from error
    found = find_emulator(target, host)
    if found is None:
        message = "the packages do not hold what they should"
        raise Unavailable(message)
    return found


def _fetch(target: Target, folder: Path, host: Host, progress: Progress, etc: Path) -> None:
    if find_emulator(target, host) is not None:  # whoever held the lock before us has fetched it
        return
    _sweep(folder)
    failures: dict[str, None] = {}
    for mirror in known_mirrors(etc):
        for offer in OFFERS:
            lacking = tuple(
                name
                for name in (offer.package, target_facts(target).libc_package)
                if not _package(name, host).here
            )
            try:
                _fetch_packages(lacking, mirror, offer, folder, host, progress)
            except Unavailable as failure:
                failures[f"{offer.suite}: {failure}"] = None
            else:
                return
    raise Unavailable("; ".join(failures))


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-made; nobody else works here under the lock."""
    for leftover in folder.glob(".*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)


def _fetch_packages(  # noqa: PLR0917  what, from where, to where
    names: Iterable[str],
    mirror: Mirror,
    offer: Offer,
    folder: Path,
    host: Host,
    progress: Progress,
) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        room = Path(scratch)
        apt = Apt(room / "apt", host.cache / "logs" / "emulators.log", host, progress)
        apt.configure(render(mirror, (offer.suite,), "deb"))
        apt.refresh()
        for name in names:
            records = apt.ask("apt-cache", "show", "--no-all-versions", name)
            if not records:
                raise Unavailable(apt.trouble or f"the archive does not list {name}")
            (record, *_) = records
            apt.download(room, name, int(record["size"]), "download", name)
            (archive,) = room.glob(f"{name}_*.deb")
            _keep(archive, record["version"], _package(name, host), host)


def _keep(archive: Path, version: str, package: _Package, host: Host) -> None:
    """Unpack an archive that apt has checked, and keep what is needed of it."""
    with files.new_directory(package.root) as scratch:
        whole = scratch / "whole"
        unpack = command(host, scratch, "dpkg-deb", "--extract", str(archive), str(whole))
        if (done := host.runner.capture(unpack)).status != 0:
            raise Unavailable(done.stderr.strip() or f"cannot unpack {archive.name}")
        for path in sorted(whole.rglob("*")):
            kept = path.relative_to(whole)
            if path.is_file() and not path.is_symlink() and _needed(kept):
                (scratch / kept).parent.mkdir(parents=True, exist_ok=True)
                path.replace(scratch / kept)
        shutil.rmtree(whole)
        files.write_atomic(scratch / _VERSION, version)


def _needed(path: Path) -> bool:
    """Whether a file of a package is needed: an emulator, or a part of a C library."""
    targets = [make_target(Platform.LINUX, abi) for abi in Abi]
    programs = {target_facts(it).emulator + offer.suffix for it in targets for offer in OFFERS}
    sysroots = [target_facts(it).sysroot.lstrip("/") for it in targets]
    is_emulator = path.parent == Path("usr/bin") and path.name in programs
    return is_emulator or any(path.is_relative_to(it) for it in sysroots)


def _package(name: str, host: Host) -> _Package:
    package = _Package(name, host.cache / "emulators" / name)
    note_use(host.cache, package.root)
    return package
