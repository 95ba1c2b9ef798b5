"""What a library was made of: the parts that its link map shows, and whose headers are in them.

Note [Parts]: of a component whose code is linked the link map has bytes. Inline functions of
headers are bytes of whoever includes them. So a component is also inside if a linked source may
include one of its headers. What is neither is not named: an artifact carries the licences of what
is in it, and no others.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import Any, Final

from builder.artifact.staging import Licence, Part, Presence
from builder.compilation.dependence import included_components
from builder.compilation.output import BuildOutput
from builder.foundation.resources import DATA, LICENCE
from builder.pipeline.planning import Planned
from builder.report.names import LINKER
from builder.vocabulary.plan import BuildPlan, Component
from builder.vocabulary.sizes import SizeReport

_LEADING: Final = re.compile(rb"\s*/\*.*?\*/", re.DOTALL)
_NAMED: Final = re.compile(r"(LICENSE|LICENCE|COPYING|NOTICE)", re.IGNORECASE)
_GENERATED: Final = "generated"
_UPSTREAM: Final = "pytorch"
_YOURS: Final = "operators of your own"
_OURS: Final = "build-runtime"
_UNKNOWN: Final = "unknown objects"


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table: a part that is no component of the sources by itself."""

    name: str
    version: str
    licence: str
    objects: re.Pattern[str]
    texts: tuple[str, ...]


def find_parts(planned: Planned, output: BuildOutput, size: SizeReport) -> tuple[Part, ...]:
    """Return what is in a library, sorted by name. `size` says which objects it was made of."""
    plan = planned.plan
    linked = _linked(plan, size)
    # in upstream's own tree are parts of others, and code that was generated from it
    by_headers = included_components(planned.candidates, output.linked) - {_GENERATED, "native"}
    components = {it.name: it for it in plan.source.components}
    names = sorted({*linked, *(by_headers & components.keys())})
    return tuple(_part(name, components.get(name), linked.get(name), plan) for name in names)


def find_ours(plan: BuildPlan, library: Path) -> Part:
    """Return what a library is made of that holds code of this tool and nothing else."""
    return _part(_OURS, None, library.stat().st_size, plan)


def _linked(plan: BuildPlan, size: SizeReport) -> dict[str, int]:
    """Return the bytes of each part that has objects in the link map."""
    found: dict[str, int] = {}
    for row in size.objects:
        if not row.name.startswith(LINKER):
            name = _part_of(row.name, plan)
            found[name] = found.get(name, 0) + row.size
    return found


def _part_of(name: str, plan: BuildPlan) -> str:
    row = next((it for it in _rows() if it.objects.fullmatch(name)), None)
    if row is not None:
        return row.name
    first = name.partition("/")[0]
    if first == _GENERATED:
        return _UPSTREAM
    if any(it.name == first for it in plan.source.components):
        return first
    return _YOURS if plan.extension else _UNKNOWN


def _part(name: str, component: Component | None, size: int | None, plan: BuildPlan) -> Part:
    presence = Presence.HEADERS if size is None else Presence.LINKED
    if component is not None:
        texts = tuple(_texts_of(component))
        version, sha256, licence = component.version, component.sha256, component.licence
        return Part(name, version, sha256, licence, presence, size or 0, texts)
    row = next((it for it in _rows() if it.name == name), None)
    if row is None:
        return Part(name, "", "", "", presence, size or 0, ())
    text = next(_places(row, plan), None)
    texts = () if text is None else (Licence(text.name, text.read_bytes()),)
    return Part(name, _version(row, plan), "", row.licence, presence, size or 0, texts)


def _version(row: _Row, plan: BuildPlan) -> str:
    """Return the release of a part: its own, or that of what it came with."""
    where = {it.partition(":")[0] for it in row.texts}
    if row.version or _UPSTREAM in where:
        return row.version
    return plan.tool if "tool" in where else plan.toolchain.clang


def _places(row: _Row, plan: BuildPlan) -> Iterator[Path]:
    """Yield where the licence of a part is."""
    compiler = plan.toolchain.compiler.path
    roots = {
        **{it.name: it.root for it in plan.source.components},
        "toolchain": compiler if compiler.is_dir() else compiler.parent,
        "tool": LICENCE.parent,
    }
    for text in row.texts:
        root, _, path = text.partition(":")
        if (place := roots[root] / path).is_file():
            yield place


def _texts_of(component: Component) -> Iterator[Licence]:
    """Yield the licence texts of a component, which binary distributions must carry.

    A component that is a header and nothing else tells its licence in the comment at its top.
    """
    files = sorted(path for path in component.root.iterdir() if path.is_file())
    chosen = _chosen().get(component.name)
    named = [it for it in files if (it.name in chosen if chosen else _NAMED.match(it.name))]
    yield from (Licence(it.name, it.read_bytes()) for it in named)
    if not named:
        for header in (it for it in files if it.suffix == ".h"):
            if comment := _LEADING.match(header.read_bytes()):
                yield Licence("LICENSE", comment[0] + b"\n")


@cache
def _rows() -> tuple[_Row, ...]:
    return tuple(
        _Row(
            name=it["name"],
            version=it.get("version", ""),
            licence=it["licence"],
            objects=_any(it["objects"]),
            texts=tuple(it["texts"]),
        )
        for it in _table()["part"]
    )


def _chosen() -> dict[str, list[str]]:
    """Return which texts of a component count, where it brings more than those of its licence."""
    return dict(_table()["texts"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((DATA / "parts.toml").read_text(encoding="utf-8"))


def _any(globs: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, globs)))
