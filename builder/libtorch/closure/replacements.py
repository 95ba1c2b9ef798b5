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

A row may name `abis`: elsewhere upstream's own kernel is as fast, and a build takes that. The
symbol index and size graphs are made for every ABI, and know both.

With `--kernels aten` no kernel is replaced, and none of those sources is a candidate. The setting
is part of the name of a build, not of its objects, which all builds share.
"""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from builder.foundation.resources import DATA
from builder.libtorch.candidates import Group
from builder.vocabulary.plan import Kernels, SourceKind
from builder.vocabulary.targets import Abi

FindReplacement = Callable[[str], str | None]
"""From a symbol to the source of ours (`component:path`) that replaces its definition, if any."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A source of ours, and a regular expression over the mangled names of what it replaces.

    It holds on `abis`, and on those of `exact` its answers are upstream's, bit for bit.
    """

    source: str
    symbols: str
    abis: frozenset[Abi] = frozenset(Abi)
    exact: frozenset[Abi] = frozenset()

    def holds(self, abi: Abi | None) -> bool:
        """Whether it stands in for upstream on an ABI, or on any where none is given."""
        return abi is None or abi in self.abis


def all_replacements() -> tuple[Replacement, ...]:
    """Return every row of the table."""
    rows = tomllib.loads((DATA / "replacements.toml").read_text(encoding="utf-8"))["replacement"]
    return tuple(
        Replacement(
            f"native:{row['source']}",
            row["symbols"],
            frozenset(map(Abi, row.get("abis", Abi))),
            frozenset(map(Abi, row.get("exact", ()))),
        )
        for row in rows
    )


def exact_replacements(abi: Abi) -> frozenset[str]:
    """Return the sources of ours that answer as upstream does on an ABI, bit for bit."""
    return frozenset(row.source for row in all_replacements() if abi in row.exact)


def find_replacement(
    abi: Abi | None, kernels: Kernels = Kernels.AUTO, stand_ins: Iterable[Replacement] = ()
) -> FindReplacement:
    """Return how symbols are replaced with these kernels, and where features are cut.

    Without an ABI all is found that any ABI replaces.
    """
    replacements = () if kernels is Kernels.ATEN else all_replacements()
    rows = [
        (re.compile(row.symbols), row.source)
        for row in (*replacements, *stand_ins)
        if row.holds(abi)
    ]
    return cache(lambda symbol: next((it for names, it in rows if names.match(symbol)), None))


def without_kernels(groups: Iterable[Group], abi: Abi, kernels: Kernels) -> tuple[Group, ...]:
    """Return the groups with the sources that a build with these kernels may be made of."""
    if kernels is Kernels.ATEN:
        return tuple(group for group in groups if group.kind is not SourceKind.OWN_KERNEL)
    idle = {row.source for row in all_replacements() if not row.holds(abi)}
    return tuple(
        replace(group, sources=tuple(path for it, path in group.ids.items() if it not in idle))
        for group in groups
    )


KEEPS_ALL: Final[FindReplacement] = find_replacement(None, Kernels.ATEN)
"""Upstream's own functions alone."""
