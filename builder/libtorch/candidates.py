"""The files a runtime may be made of, by group; which of them are compiled is decided later."""

import fnmatch
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.foundation.resources import DATA
from builder.vocabulary.plan import SourceKind
from builder.vocabulary.targets import Abi, Platform, Target

INCLUDES: Final = (
    ("generated", "."),
    ("pytorch", "aten/src"),
    ("pytorch", "."),
    ("pytorch", "torch/csrc/api/include"),
    ("pytorch", "torch/csrc"),
    ("pytorch", "third_party/miniz-3.0.2"),
    ("pytorch", "aten/src/ATen/native/quantized/cpu/qnnpack/include"),
    ("cpuinfo", "include"),
    ("cpuinfo", "src"),
    ("cpuinfo", "deps"),
    ("pthreadpool", "include"),
    ("pthreadpool", "src"),
    ("fmt", "include"),
    ("flatbuffers", "include"),
    ("fp16", "include"),
    ("fxdiv", "include"),
    ("psimd", "include"),
    ("eigen", "."),
    ("pocketfft", "."),
)
"""Where all sources look for headers: a component, and a folder below its root."""

UPSTREAM: Final = "upstream"
"""The folder of headers that are included before files of upstream."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sources compiled the same way. `sources` are paths relative to the component's root.

    `options` come after those of the kind. `includes` are directories besides those every group
    has: a component, and a folder below its root. `isa` is the instruction set that a processor
    must have beyond the ABI's own. `before` are pairs of a source and the header of ours, in
    native/src/upstream, that is included before it.
    """

    name: str
    kind: SourceKind
    component: str
    language: str
    sources: tuple[str, ...]
    definitions: tuple[str, ...]
    precompiled: tuple[str, ...]
    options: tuple[str, ...] = ()
    includes: tuple[tuple[str, str], ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    isa: str = ""

    @property
    def ids(self) -> dict[str, str]:
        """Return each source by its id, `component:path`."""
        return {f"{self.component}:{it}": it for it in self.sources}


def find_candidates(
    roots: Mapping[str, Path], target: Target, backends: Iterable[str] = ("CPU",)
) -> tuple[Group, ...]:
    """Expand the table of candidates for a target and backends below the roots of the components.

    Groups of which a tree has no file are left out.
    """
    backends = tuple(backends)
    groups = (
        make_group(row, roots, backends)
        for row in read_rows()
        if target.abi in row.get("abis", Abi)
        and target.platform in row.get("platforms", Platform)
        and row.get("backend", "CPU") in backends
    )
    return tuple(group for group in groups if group.sources)


def read_rows() -> list[dict[str, Any]]:
    """Return the groups of the table, each with what its family has in common."""
    table = tomllib.loads((DATA / "candidates.toml").read_text(encoding="utf-8"))
    families = {"": dict[str, Any](), **table.get("family", {})}
    return [{**families[row.get("family", "")], **row} for row in table["group"]]


def make_group(row: dict[str, Any], roots: Mapping[str, Path], backends: tuple[str, ...]) -> Group:
    """Expand a row of the table below the roots of the components."""
    component = row["component"]
    root = roots[component]
    listed = [it for name in row.get("listed", []) for it in _listed(root / name)]
    found = _expand(root, row.get("sources", []), _all_for(backends, row, "exclude"))
    return Group(
        name=row["name"],
        kind=SourceKind(row["kind"]),
        component=component,
        language=row.get("language", "CXX"),
        sources=tuple(sorted({*found, *listed})),
        definitions=tuple(_all_for(backends, row, "definitions")),
        precompiled=tuple(row.get("precompiled", [])),
        options=tuple(row.get("options", [])),
        includes=tuple(_include(component, it) for it in row.get("includes", [])),
        before=tuple(row.get("before", {}).items()),
        isa=row.get("isa", ""),
    )


def _include(component: str, text: str) -> tuple[str, str]:
    other, mark, folder = text.partition(":")
    return (other, folder) if mark else (component, text)


_PRODUCTION: Final = re.compile(r"\bSET\(PROD_\w+\s([^)]*)\)")


def _listed(path: Path) -> list[str]:
    """Return the sources that a CMake file of upstream lists for production."""
    return [
        word
        for words in _PRODUCTION.findall(path.read_text(encoding="utf-8"))
        for word in words.split()
    ]


def _all_for(backends: tuple[str, ...], row: dict[str, Any], key: str) -> list[str]:
    """Return what a row lists for every profile, then what it lists for these backends."""
    more = row.get(f"{key}-for", {})
    return [*row.get(key, []), *(it for backend in backends for it in more.get(backend, []))]


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
