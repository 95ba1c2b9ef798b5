"""Which NDK is driven: the first that is named, by the user, his environment or his SDK.

What names an NDK decides: if that one cannot be used, no other is taken in its place. A folder
that may hold several gives the newest that can be used.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation.machine import operating_system
from builder.foundation.process import Host
from builder.toolchains.ndk.installation import Installation, open_ndk
from builder.toolchains.ndk.revisions import (
    NEWEST,
    OLDEST,
    is_revision,
    names_revision,
    parse_properties,
)
from builder.vocabulary.errors import ToolchainError

SETTING: Final = "--ndk"

_AGREEING: Final = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK", "NDK_HOME")
_LATEST: Final = "ANDROID_NDK_LATEST_HOME"
"""Names the newest of several, so that it may differ from the others."""

_SDK_VARIABLES: Final = ("ANDROID_HOME", "ANDROID_SDK_ROOT")
_STUDIO: Final = {"linux": "Android/Sdk", "darwin": "Library/Android/sdk"}
"""Where Android Studio keeps its SDK, below the user's home."""

_HINT: Final = (
    f"install NDK r{OLDEST} or newer, or pass {SETTING} PATH"
    "     (`build-runtime doctor` shows what was found)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """An NDK, the rule that led to it, and what the user should know of that."""

    ndk: Installation
    rule: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an NDK may be. `named`: it is this folder or none; else the newest of its folders."""

    rule: str
    folder: Path
    named: bool = True

    def folders(self) -> tuple[Path, ...]:
        here = self.folder.absolute()
        if self.named:
            return (here,)
        return tuple(sorted(it for it in here.glob("*") if it.is_dir()))


def find_ndk(wish: str, host: Host) -> Found:
    """Return the NDK to drive; raise `ToolchainError` with what was found where.

    `wish` is a path, a revision such as `26` or `r26b`, or nothing. No process is started.
    """
    if wish and names_revision(wish):
        return _of_revision(wish, host)
    places = (_Place(f"{SETTING} {wish}", _folder(wish)),) if wish else _places(host)
    seen: list[str] = []
    for place in places:
        usable, reasons = _look(place)
        if usable:
            best = max(usable, key=lambda it: it.revision.age)
            return Found(best, place.rule, tuple(_warnings(best, host)))
        if place.named:
            raise ToolchainError(
                f"the NDK of {place.rule} cannot be used: {place.folder.absolute()}: {reasons[0]}",
                hint=_HINT,
            )
        seen += [f"{place.rule}: {it}" for it in reasons]
    raise ToolchainError("no Android NDK found", looked_in=_looked(host, seen), hint=_HINT)


def _folder(wish: str) -> Path:
    try:
        return Path(wish).expanduser()
    except RuntimeError:  # `~` and the name of nobody
        return Path(wish)


def _places(host: Host) -> Iterator[_Place]:
    """Yield where an NDK may be, what the user was most explicit about first."""
    for name in (*_AGREEING, _LATEST):
        if value := host.env.get(name):
            yield _Place(f"${name}", Path(value))
    for rule, sdk in _sdks(host):
        yield _Place(f"{rule}/ndk", sdk / "ndk", named=False)
    if (folder := _of_project(Path.cwd())) is not None:
        yield _Place("ndk.dir of local.properties", folder)


def _sdks(host: Host) -> Iterator[tuple[str, Path]]:
    for name in _SDK_VARIABLES:
        if value := host.env.get(name):
            yield f"${name}", Path(value)
    home, usual = host.env.get("HOME"), _STUDIO.get(operating_system())
    if home and usual:
        yield f"~/{usual}", Path(home, usual)


def _of_project(folder: Path) -> Path | None:
    """Return what the `local.properties` of an Android project names."""
    try:
        text = (folder / "local.properties").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    value = parse_properties(text).get("ndk.dir", "")
    return folder / value.replace("\\:", ":").replace("\\\\", "\\") if value else None


def _look(place: _Place) -> tuple[list[Installation], list[str]]:
    """Return the NDKs of a place that can be used, and what is wrong with the others."""
    usable: list[Installation] = []
    reasons: list[str] = []
    for folder in place.folders():
        found = open_ndk(folder)
        if isinstance(found, str):
            reasons.append(found if place.named else f"{folder.name}: {found}")
        else:
            usable.append(found)
    return usable, reasons


def _of_revision(word: str, host: Host) -> Found:
    known = [(it, place.rule) for place in _places(host) for it in _look(place)[0]]
    fitting = [(it, rule) for it, rule in known if is_revision(it.revision, word)]
    if not fitting:
        others = sorted({f"{it.revision.release} ({it.revision}) at {it.root}" for it, _ in known})
        found = f"; there is {', '.join(others)}" if others else ""
        raise ToolchainError(
            f"no NDK {word} for {SETTING}{found}", looked_in=_looked(host, ()), hint=_HINT
        )
    best, rule = max(fitting, key=lambda it: it[0].revision.age)
    return Found(best, f"{SETTING} {word}, {rule}", tuple(_too_new(best)))


def _warnings(ndk: Installation, host: Host) -> Iterator[str]:
    yield from _too_new(ndk)
    values = {name: host.env[name] for name in _AGREEING if host.env.get(name)}
    if len({Path(value).resolve() for value in values.values()}) > 1:
        told = ", ".join(f"${name} is {value}" for name, value in values.items())
        yield f"variables disagree about the NDK: {told}"


def _too_new(ndk: Installation) -> Iterator[str]:
    if ndk.revision.major > NEWEST:
        yield (
            f"NDK {ndk.revision.release} is newer than what this release was made for"
            f" (r{OLDEST} to r{NEWEST})"
        )


def _looked(host: Host, seen: Iterable[str]) -> Iterator[str]:
    """Yield where was looked, and what was there."""
    for name in (*_AGREEING, _LATEST, *_SDK_VARIABLES):
        if not host.env.get(name):
            yield f"${name} (unset)"
    for rule, sdk in _sdks(host):
        if not (sdk / "ndk").is_dir():
            yield f"{rule}/ndk (no such folder)"
        elif not any((sdk / "ndk").iterdir()):
            yield f"{rule}/ndk (empty)"
    yield "local.properties (none that names one)"
    yield from seen
