"""Which functions of upstream ours stand in for.

Note [Replacements]: a source in native/src/kernels may define a function that upstream defines,
too, under the same name: `builder/data/replacements.toml` says which. So may one in
native/src/cuts, for what is left of a function where a feature is cut: `builder/data/cuts.toml`
says which, and when.
Everybody asks these tables: the sweep follows a reference to such a function to our object, even
where the object that refers to it has a definition of its own; a prediction does the same, and the
symbol index keeps such references; a build looks for the function in our source first, and fails
where that lacks it; the linker is given our object before those of upstream, and takes the first
definition (--allow-multiple-definition). Upstream's definition is then referred to by nothing, and
left out with all that only it needs.

A source of ours is linked only if a live section refers to what it replaces. The function must do
all that upstream's does, as upstream's own is not in the library: dtypes and layouts that ours is
not made for are computed by other operators. A function that the compiler has inlined where
upstream calls it cannot be replaced there.

With `--kernels aten` no kernel is replaced, and none of those sources is a candidate. The setting
is part of the name of a build, not of its objects, which all builds share.
"""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from builder.foundation.resources import DATA
from builder.libtorch.candidates import Group
from builder.vocabulary.plan import Kernels, SourceKind

FindReplacement = Callable[[str], str | None]
"""From a symbol to the source of ours (`component:path`) that replaces its definition, if any."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A source of ours, and a regular expression over the mangled names of what it replaces.

    The answers of an `exact` one are those of upstream, bit for bit.
    """

    source: str
    symbols: str
    exact: bool = False


def all_replacements() -> tuple[Replacement, ...]:
    """Return every row of the table."""
    rows = tomllib.loads((DATA / "replacements.toml").read_text(encoding="utf-8"))["replacement"]
    return tuple(
        Replacement(f"native:{row['source']}", row["symbols"], row.get("exact", False))
        for row in rows
    )


def exact_replacements() -> frozenset[str]:
    """Return the sources of ours that answer as upstream does, bit for bit."""
    return frozenset(row.source for row in all_replacements() if row.exact)


def find_replacement(
    kernels: Kernels = Kernels.AUTO, stand_ins: Iterable[Replacement] = ()
) -> FindReplacement:
    """Return how symbols are replaced with these kernels, and where features are cut."""
    replacements = () if kernels is Kernels.ATEN else all_replacements()
    rows = [(re.compile(row.symbols), row.source) for row in (*replacements, *stand_ins)]
    return cache(lambda symbol: next((it for names, it in rows if names.match(symbol)), None))


def without_kernels(groups: Iterable[Group], kernels: Kernels) -> tuple[Group, ...]:
    """Return the groups whose sources a build with these kernels may be made of."""
    unwanted = {SourceKind.OWN_KERNEL} if kernels is Kernels.ATEN else set[SourceKind]()
    return tuple(group for group in groups if group.kind not in unwanted)


KEEPS_ALL: Final[FindReplacement] = find_replacement(Kernels.ATEN)
"""Upstream's own functions alone."""
