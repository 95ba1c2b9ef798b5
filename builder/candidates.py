"""The files a runtime may be made of, by group; which of them are compiled is decided later."""

import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.model import Abi
from builder.resources import DATA


@dataclass(frozen=True, slots=True)
class Group:
    """Sources compiled the same way. `sources` are paths relative to the component's root."""

    name: str
    component: str
    language: str
    sources: tuple[str, ...]
    definitions: tuple[str, ...]
    precompiled: tuple[str, ...]


def find_candidates(roots: Mapping[str, Path], abi: Abi) -> tuple[Group, ...]:
    """Expand the table of candidates for an ABI below the roots of the components."""
    table = tomllib.loads((DATA / "candidates.toml").read_text())
    return tuple(
        Group(
            name=row["name"],
            component=row["component"],
            language=row.get("language", "CXX"),
            sources=_expand(roots[row["component"]], row["sources"], row.get("exclude", [])),
            definitions=tuple(row.get("definitions", [])),
            precompiled=tuple(row.get("precompiled", [])),
        )
        for row in table["group"]
        if abi in row.get("abis", Abi)
    )


def _expand(root: Path, patterns: list[str], exclude: list[str]) -> tuple[str, ...]:
    found = {
        path.relative_to(root).as_posix()
        for pattern in patterns
        for path in root.glob(pattern)
        if path.is_file()
    }
    return tuple(
        sorted(
            name
            for name in found
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in exclude)
        )
    )
