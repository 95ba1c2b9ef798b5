"""The pinned sources of each release, read from the data file that ships with the package."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from builder.foundation import resources
from builder.vocabulary.errors import SourceError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A source archive of the Debian archive. `size` is bytes, `sha256` lower-case hex.

    `root` is the one directory everything in the archive lies in, empty when there is none. `part`
    is the folder below it that is the component, where another project's archive carries it.
    """

    package: str
    version: str
    file: str
    size: int
    sha256: str
    root: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One component: its archives in order of preference, and how to recognise its files.

    `submodule` is its path inside PyTorch's own checkout, empty for PyTorch itself. `requires` are
    paths without which the component is not what it claims; `excludes` are left in the archive.
    """

    name: str
    licence: str
    submodule: str
    requires: tuple[str, ...]
    excludes: tuple[str, ...]
    archives: tuple[Archive, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Everything pinned for one PyTorch release. `suites` are the Debian suites to search."""

    version: str
    url: str
    tag: str
    commit: str
    suites: tuple[str, ...]
    components: tuple[Pin, ...]


def pins(version: str) -> Release:
    """Return what is pinned for a release; raise `SourceError` if the release is not known."""
    releases = _releases()
    if version not in releases:
        message = f"no pinned sources for PyTorch {version}{did_you_mean(version, releases)}"
        raise SourceError(message, hint=f"use one of: {', '.join(sorted(releases))}")
    return releases[version]


@cache
def _releases() -> Mapping[str, Release]:
    text = (resources.DATA / "sources.toml").read_text(encoding="utf-8")
    return {
        version: parse_release(version, table)
        for version, table in tomllib.loads(text)["release"].items()
    }


def parse_release(version: str, table: Mapping[str, Any]) -> Release:
    """Read one `release` table; raise `KeyError` or `TypeError` on a missing or unknown key."""
    fields = dict(table)
    components = tuple(_parse_pin(component) for component in fields.pop("component"))
    suites = tuple(fields.pop("suites"))
    return Release(version=version, suites=suites, components=components, **fields)


def _parse_pin(table: Mapping[str, Any]) -> Pin:
    fields = dict(table)
    archives = tuple(Archive(**archive) for archive in fields.pop("archives"))
    requires, excludes = tuple(fields.pop("requires")), tuple(fields.pop("excludes"))
    return Pin(archives=archives, requires=requires, excludes=excludes, **fields)
