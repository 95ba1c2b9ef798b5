"""How sources are compiled and linked: one table, kind of source by optimisation."""

import tomllib
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from builder.foundation.resources import DATA
from builder.vocabulary.plan import CompileFlags, KindFlags, Profile, SourceKind
from builder.vocabulary.targets import Platform, Target

_TAKES_A_WORD: Final = frozenset(
    {"-I", "-Xclang", "-include", "-isystem", "-m", "-mllvm", "-rpath", "-x", "-z"}
)


def compile_flags(profile: Profile, platform: Platform) -> CompileFlags:
    """Return how all sources are compiled for a platform, kind by kind."""
    table = _table()
    every, chosen, here = table["all"], table[profile.optimisation], _platform(platform)
    options = (*every["options"], *here["options"])
    definitions = (*table["definitions"], *table["messages"][profile.messages])
    return CompileFlags(
        tuple(it for it in definitions if it not in here["without"]),
        tuple(
            KindFlags(kind, (*chosen[kind], *options, *_warnings(kind)), tuple(every["cxx"]))
            for kind in SourceKind
        ),
    )


def extension_flags(profile: Profile, platform: Platform) -> tuple[str, ...]:
    """Return how the user's own operators are compiled: as kernels, but their warnings show."""
    table = _table()
    every, here = table["all"], _platform(platform)
    chosen = table[profile.optimisation][SourceKind.KERNEL]
    options = (*chosen, *every["options"], *here["options"], *every["cxx"])
    return (*options, *table["warnings"]["extension"])


def link_flags(target: Target) -> tuple[str, ...]:
    """Return how the library is linked for a target, whatever the selection.

    What its ABI asks for comes after ours, then what its platform does, by the API level where
    there are levels.
    """
    here = _platform(target.platform)
    level = target.api_level or 0
    by_level = [
        flag
        for row in here["levels"]
        if row.get("from", 0) <= level < row.get("below", level + 1)
        for flag in row["link"]
    ]
    abi = _table()["abi"].get(target.abi, {"link": []})
    return (*_table()["link"]["options"], *abi["link"], *here["link"], *by_level)


def _platform(platform: Platform) -> dict[str, Any]:
    nothing: dict[str, list[Any]] = {"without": [], "options": [], "link": [], "levels": []}
    return {**nothing, **_table()["platform"].get(platform, {})}


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
