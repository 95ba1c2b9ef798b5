"""The size graph: what a runtime weighs, by the operators it is asked for.

It is the graph of all sections of the objects of one ABI, condensed to the names one can ask for
(`builder.libtorch.closure.sizing.condensing`). Node 0 is the core: what every runtime has.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from builder.libtorch.closure.sizing.weights import Weight, total

CORE: Final = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """What names keep. `owners` has a bit for each name that keeps a node, in their order."""

    live: frozenset[int]
    owners: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class SizeGraph:
    """What each node weighs, and which others it leads to; `names` are those one can ask for.

    `sources` are those whose objects were read: of others nothing is known.
    """

    weights: tuple[Weight, ...]
    leads: tuple[tuple[int, ...], ...]
    names: Mapping[str, int]
    sources: frozenset[str]

    def weight(self, nodes: Iterable[int]) -> Weight:
        """Return what nodes weigh together."""
        return total(self.weights[it] for it in nodes)

    def reach(
        self, asked: Iterable[frozenset[str]], is_cut: Callable[[str], bool] = lambda _: False
    ) -> Reached:
        """Return what the core and all that is asked for keep, and who keeps what.

        Each of those who ask has some names. What is cut is not followed.
        """
        cut = {node for name, node in self.names.items() if is_cut(name)}
        core = self._from([CORE], cut)
        owners: dict[int, int] = {}
        for number, names in enumerate(asked):
            starts = (self.names[it] for it in names if it in self.names)
            for node in self._from([it for it in starts if it not in core], cut, core):
                owners[node] = owners.get(node, 0) | 1 << number
        return Reached(frozenset(core | owners.keys()), owners)

    def _from(self, starts: Iterable[int], cut: set[int], known: Iterable[int] = ()) -> set[int]:
        before = known if isinstance(known, set) else set(known)
        found: set[int] = set()
        stack = list(starts)
        while stack:
            node = stack.pop()
            if node not in found and node not in before:
                found.add(node)
                stack.extend(it for it in self.leads[node] if it not in cut)
        return found
