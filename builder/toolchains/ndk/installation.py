"""An NDK on this machine: what its folder holds, or why it cannot be used."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.foundation.machine import operating_system, processor
from builder.toolchains.ndk.revisions import OLDEST, Revision, parse_properties, parse_revision
from builder.vocabulary.targets import Abi

TOOLCHAIN_FILE: Final = Path("build/cmake/android.toolchain.cmake")

_PREBUILT: Final = Path("toolchains/llvm/prebuilt")
_PROGRAMS: Final = ("clang", "clang++", "ld.lld", "llvm-ar")
_SDK: Final = ("platform-tools", "cmdline-tools", "platforms", "build-tools", "ndk", "ndk-bundle")
"""Folders of an SDK: people name it where its NDK is meant."""


@dataclass(frozen=True, slots=True)
class Triple:
    """How an NDK calls an ABI: its `folder` of libraries, and the `compiler`'s target."""

    folder: str
    compiler: str


@dataclass(frozen=True, slots=True)
class Installation:
    """An NDK that can be used. `llvm` is the version of its clang and lld.

    `levels` are the lowest and the highest API level it has, `aliases` those that have the
    libraries of another one.
    """

    root: Path
    revision: Revision
    llvm: str
    host: str
    levels: tuple[int, int]
    aliases: Mapping[int, int]
    triples: Mapping[Abi, Triple]

    @property
    def prebuilt(self) -> Path:
        """Return where compilers and libraries are, relative to the root."""
        return _PREBUILT / self.host

    @property
    def sysroot(self) -> Path:
        """Return where the headers and libraries of Android are, relative to the root."""
        return self.prebuilt / "sysroot"

    def level(self, wanted: int) -> int:
        """Return the level whose libraries stand for the wanted one: 25 has those of 24."""
        return self.aliases.get(wanted, wanted)

    def libraries(self, abi: Abi, level: int) -> Path:
        """Return where the libraries of a level are, relative to the root."""
        return self.sysroot / "usr/lib" / self.triples[abi].folder / str(self.level(level))

    def __str__(self) -> str:
        """Return it for people."""
        return f"NDK {self.revision.release} ({self.revision}, clang {self.llvm})"


def open_ndk(root: Path) -> Installation | str:
    """Return the NDK in a folder, or the reason why there is none that can be used."""
    if not root.is_dir():
        return "no such folder" if not root.exists() else "no folder"
    revision = _revision(root)
    if isinstance(revision, str):
        return revision
    if revision.major < OLDEST:
        return f"{revision.release} ({revision}) is too old: r{OLDEST} or newer is needed"
    host = f"{operating_system()}-x86_64"
    if operating_system() == "linux" and processor() != "x86_64":  # Apple's runs programs of both
        return f"{revision.release} has no programs for {processor()}, which this machine is"
    if lacking := tuple(_lacking(root, host)):
        return f"{revision.release} is not whole: it has no {', '.join(lacking)}"
    return _whole(root, revision, host)


def _revision(root: Path) -> Revision | str:
    try:
        text = (root / "source.properties").read_text(encoding="utf-8", errors="replace")
    except OSError:
        inside = [name for name in _SDK if (root / name).is_dir()]
        return (
            f"an SDK (it has {', '.join(inside)}), no NDK"
            if inside
            else "no NDK: it has no source.properties"
        )
    told = parse_properties(text)
    if (what := told.get("Pkg.Desc", "")) != "Android NDK":
        return f"its source.properties is of {what!r}, not of an NDK"
    revision = parse_revision(told.get("Pkg.Revision", ""))
    return revision or f"its source.properties has no revision: {told.get('Pkg.Revision', '')!r}"


def _lacking(root: Path, host: str) -> Iterator[str]:
    """Yield what a whole NDK has and this one has not; the machine's own programs come first."""
    prebuilt = root / _PREBUILT
    others = sorted(it.name for it in prebuilt.glob("*-*") if it.is_dir() and it.name != host)
    if not (prebuilt / host).is_dir():
        has = f" (programs are for {', '.join(others)} only)" if others else ""
        yield f"{_PREBUILT / host}{has}"
        return
    programs = (prebuilt / host / "bin" / name for name in _PROGRAMS)
    needed = (*programs, prebuilt / host / "sysroot/usr/include", root / TOOLCHAIN_FILE)
    yield from (str(it.relative_to(root)) for it in needed if not it.exists())


def _whole(root: Path, revision: Revision, host: str) -> Installation | str:
    broken = f"{revision.release} is not whole: it has no"
    try:
        about = (root / _PREBUILT / host / "AndroidVersion.txt").read_text(encoding="utf-8")
        platforms = _read(root / "meta/platforms.json")
        abis = _read(root / "meta/abis.json")
        return Installation(
            root=root,
            revision=revision,
            llvm=about.split()[0],
            host=host,
            levels=(int(platforms["min"]), int(platforms["max"])),
            aliases={
                int(name): int(level)
                for name, level in platforms["aliases"].items()
                if str(name).isdecimal()
            },
            triples={
                abi: Triple(str(abis[abi]["triple"]), str(abis[abi]["llvm_triple"]))
                for abi in Abi
                if abi in abis
            },
        )
    except OSError as error:
        return f"{broken} {Path(str(error.filename)).relative_to(root)}"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return f"{broken} readable files in meta/ ({type(error).__name__}: {error})"


def _read(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        message = f"{path.name} is no JSON object"
        raise TypeError(message)
    return document
