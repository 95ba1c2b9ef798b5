"""The files a runtime may be made of, by group; which of them are compiled is decided later."""

import fnmatch
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.foundation.resources import DATA
from builder.vocabulary.plan import SourceKind
from builder.vocabulary.targets import Abi

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

    `options` come after those of the kind. `includes` are directories below the component's root
    besides those every group has. `before` are pairs of a source and the header of ours, in
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
    includes: tuple[str, ...] = ()
    before: tuple[tuple[str, str], ...] = ()

    @property
    def ids(self) -> dict[str, str]:
        """Return each source by its id, `component:path`."""
        return {f"{self.component}:{it}": it for it in self.sources}


def find_candidates(
    roots: Mapping[str, Path], abi: Abi, backends: Iterable[str] = ("CPU",)
) -> tuple[Group, ...]:
    """Expand the table of candidates for an ABI and backends below the roots of the components."""
    table = tomllib.loads((DATA / "candidates.toml").read_text())
    backends = tuple(backends)
    return tuple(
        Group(
            name=row["name"],
            kind=SourceKind(row["kind"]),
            component=row["component"],
            language=row.get("language", "CXX"),
            sources=_expand(
                roots[row["component"]], row["sources"], _all_for(backends, row, "exclude")
            ),
            definitions=tuple(_all_for(backends, row, "definitions")),
            precompiled=tuple(row.get("precompiled", [])),
            options=tuple(row.get("options", [])),
            includes=tuple(row.get("includes", [])),
            before=tuple(row.get("before", {}).items()),
        )
        for row in table["group"]
        if abi in row.get("abis", Abi) and row.get("backend", "CPU") in backends
    )


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
