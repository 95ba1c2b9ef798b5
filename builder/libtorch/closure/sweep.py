"""Mark and sweep: from root objects to every live section, and the symbols nobody defines."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from builder.libtorch.closure.objects import ObjectGraph


@dataclass(frozen=True, slots=True)
class Closure:
    """What a set of root objects needs. Sizes are bytes of live sections, before linking."""

    live: tuple[Path, ...]
    missing: Mapping[str, str]
    cut: frozenset[str]
    sizes: Mapping[Path, int]


def close(
    roots: Iterable[Path],
    available: Iterable[Path],
    read: Callable[[Path], ObjectGraph],
    is_cut: Callable[[str], bool] = lambda _: False,
    *,
    key: Callable[[Path], PurePath] = Path,
    replacement: Callable[[str], Path | None] = lambda _: None,
) -> Closure:
    """Return the objects that `roots` keep alive among `available`, and the undefined symbols.

    The rules are those of lld with `--gc-sections`: an object is linked when a live section refers
    to a symbol it defines; a linked object's constructors (and sections marked to be retained) are
    live. Every object that uses an inline function carries a copy of it, and a reference is
    satisfied by the copy at hand: looking elsewhere would link objects (and run constructors) for a
    function any of them could give. Only what an object uses without defining (an explicit
    instantiation elsewhere) is looked up among the linked objects, then among all.

    `missing` maps each undefined symbol of a live section to the name of a section that needs it.
    A symbol that `is_cut` says yes to is not followed: something else will define it, and the ones
    that were met are listed in `cut`. The result depends neither on the order in which references
    are met nor on the order of `available`: these are ordered by `key`.

    `replacement` names the object that must define a symbol whatever other definitions there are,
    also where the object that refers to it has one (Note [Replacements] in
    `builder.libtorch.closure.replacements`). Such objects are `live` right after the roots.
    """
    first = tuple(dict.fromkeys(roots))
    order = (*first, *sorted(set(available).difference(first), key=key))
    sweep = _Sweep(
        {path: read(path) for path in (*sorted(first), *order[len(first) :])}, is_cut, replacement
    )
    for path in first:
        sweep.link(path)
        sweep.stack.extend((path, index) for index in _exported(sweep.graphs[path]))
    sweep.run()
    return Closure(
        live=(
            *first,
            *(path for path in order if path in sweep.replacing),
            *(path for path in order if path in sweep.linked.difference(first, sweep.replacing)),
        ),
        missing=dict(sorted(sweep.missing.items())),
        cut=frozenset(sweep.cut),
        sizes=sweep.sizes(),
    )


class _Sweep:
    """The state of one sweep; lives only inside `close`."""

    def __init__(
        self,
        graphs: Mapping[Path, ObjectGraph],
        is_cut: Callable[[str], bool],
        replacement: Callable[[str], Path | None],
    ) -> None:
        self.graphs = graphs
        self.is_cut = is_cut
        self.replacement = replacement
        self.replacing: set[Path] = set()
        self.cut: set[str] = set()
        self.live: set[tuple[Path, int]] = set()
        self.linked: set[Path] = set()
        self.missing: dict[str, str] = {}
        self.stack: list[tuple[Path, int]] = []
        self._strong: dict[str, tuple[Path, int]] = {}
        self._weak: dict[str, list[tuple[Path, int]]] = {}
        self._deferred: set[str] = set()
        for path, graph in graphs.items():
            for name, index in graph.strong.items():
                self._strong.setdefault(name, (path, index))
            for name, index in graph.weak.items():
                self._weak.setdefault(name, []).append((path, index))

    def link(self, path: Path) -> None:
        """Make an object part of the library: its constructors are live from now on."""
        if path not in self.linked:
            self.linked.add(path)
            sections = self.graphs[path].sections
            self.stack.extend((path, index) for index, it in sections.items() if it.root)

    def run(self) -> None:
        """Mark until nothing is left; shared copies are chosen last, when most is known."""
        while self.stack or self._deferred:
            while self.stack:
                self._mark(*self.stack.pop())
            for name in sorted(self._deferred):
                places = self._weak[name]
                self.stack.append(next((it for it in places if it[0] in self.linked), places[0]))
            self._deferred.clear()

    def sizes(self) -> dict[Path, int]:
        """Return the bytes of live sections by object."""
        totals: dict[Path, int] = {}
        for path, index in self.live:
            section = self.graphs[path].sections.get(index)
            totals[path] = totals.get(path, 0) + (section.size if section else 0)
        return totals

    def _mark(self, path: Path, index: int) -> None:
        if (path, index) in self.live:
            return
        self.live.add((path, index))
        self.link(path)
        graph = self.graphs[path]
        section = graph.sections.get(index)
        if section is None:
            return
        for edge in section.edges:
            if isinstance(edge, int):
                self.stack.append((path, edge))
            else:
                self._resolve(path, graph, section.name, edge)

    def _resolve(self, path: Path, graph: ObjectGraph, needed_by: str, symbol: str) -> None:
        own = graph.strong.get(symbol, graph.weak.get(symbol))
        if self.is_cut(symbol):
            self.cut.add(symbol)
        elif (other := self.replacement(symbol)) is not None and other != path:
            self._replace(symbol, other, f"{path.name}({needed_by})")
        elif own is not None:
            self.stack.append((path, own))
        elif symbol in self._strong:
            self.stack.append(self._strong[symbol])
        elif symbol in self._weak:
            self._deferred.add(symbol)
        elif symbol not in graph.optional:
            self._miss(symbol, f"{path.name}({needed_by})")

    def _replace(self, symbol: str, other: Path, place: str) -> None:
        graph = self.graphs.get(other)
        if graph is None or symbol not in graph.strong:
            self._miss(symbol, place)
        else:
            self.replacing.add(other)
            self.stack.append((other, graph.strong[symbol]))

    def _miss(self, symbol: str, place: str) -> None:
        self.missing[symbol] = min(self.missing.get(symbol, place), place)


def _exported(graph: ObjectGraph) -> Iterable[int]:
    """Return the sections of a root object's strong symbols: roots are wanted whole."""
    return (index for index in graph.strong.values() if index >= 0)
