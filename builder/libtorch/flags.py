"""How sources are compiled and linked: one table, kind of source by optimisation."""

import tomllib
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from builder.foundation.resources import DATA
from builder.vocabulary.plan import CompileFlags, KindFlags, Profile, SourceKind

_TAKES_A_WORD: Final = frozenset(
    {"-I", "-Xclang", "-include", "-isystem", "-m", "-mllvm", "-rpath", "-x", "-z"}
)


def compile_flags(profile: Profile) -> CompileFlags:
    """Return how all sources are compiled, kind by kind."""
    table = _table()
    every, chosen = table["all"], table[profile.optimisation]
    return CompileFlags(
        (*table["definitions"], *table["messages"][profile.messages]),
        tuple(
            KindFlags(
                kind, (*chosen[kind], *every["options"], *_warnings(kind)), tuple(every["cxx"])
            )
            for kind in SourceKind
        ),
    )


def extension_flags(profile: Profile) -> tuple[str, ...]:
    """Return how the user's own operators are compiled: as kernels, but their warnings show."""
    table = _table()
    every = table["all"]
    chosen = table[profile.optimisation][SourceKind.KERNEL]
    return (*chosen, *every["options"], *every["cxx"], *table["warnings"]["extension"])


def link_flags() -> tuple[str, ...]:
    """Return how the library is linked, whatever the target and the selection."""
    return tuple(_table()["link"]["options"])


def paired(words: Iterable[str]) -> tuple[str, ...]:
    """Return flags as people read them: a flag and the word that belongs to it are one text."""
    found: list[str] = []
    for word in words:
        if found and found[-1] in _TAKES_A_WORD:
            found[-1] += f" {word}"
        else:
            found.append(word)
    return tuple(found)


def _warnings(kind: SourceKind) -> tuple[str, ...]:
    return tuple(_table()["warnings"]["own" if kind.ours else "upstream"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((DATA / "flags.toml").read_text(encoding="utf-8"))
