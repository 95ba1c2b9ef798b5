"""How sources are compiled and linked: one table, kind of source by optimisation."""

import tomllib
from functools import cache
from typing import Any

from builder.foundation.resources import DATA
from builder.vocabulary.plan import CompileFlags, KindFlags, Optimisation, SourceKind


def compile_flags(optimisation: Optimisation) -> CompileFlags:
    """Return how all sources are compiled, kind by kind."""
    table = _table()
    every, chosen = table["all"], table[optimisation]
    return CompileFlags(
        tuple(table["definitions"]),
        tuple(
            KindFlags(
                kind, (*chosen[kind], *every["options"], *_warnings(kind)), tuple(every["cxx"])
            )
            for kind in SourceKind
        ),
    )


def link_flags() -> tuple[str, ...]:
    """Return how the library is linked, whatever the target and the selection."""
    return tuple(_table()["link"]["options"])


def _warnings(kind: SourceKind) -> tuple[str, ...]:
    return tuple(_table()["warnings"]["own" if kind is SourceKind.OWN else "upstream"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((DATA / "flags.toml").read_text(encoding="utf-8"))
