"""The symbol index: which source defines a symbol, and what that symbol needs in turn.

It is the section graph of every object of a full build, condensed to the symbols one object asks
another for. With it a plan names the files to compile before anything is compiled. It is advice:
the linker's view of the real objects decides, so an index of another ABI or flags is only slower.

Its symbols are portable (`mangling.portable`), so one index serves every toolchain. Callers give
symbols as objects have them.
"""

import json
import lzma
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.libtorch.closure.objects import ObjectGraph
from builder.libtorch.closure.replacements import KEEPS_ALL, FindReplacement
from builder.libtorch.mangling import is_operator, portable

CONSTRUCTORS: Final = ""
"""The name under which a file's constructors stand in the index: they run whenever it is linked."""

_VERSION: Final = 2  # 1 had symbols as one toolchain mangles them


@dataclass(frozen=True, slots=True)
class Definition:
    """What one symbol of a file brings along. `size`: bytes of the file's sections it reaches."""

    size: int
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a set of symbols will need: sources by id, and the symbols nothing is known of.

    `sizes` are bytes of sections by source, before linking: what symbols share counts for each.
    """

    sources: tuple[str, ...]
    sizes: Mapping[str, int]
    unknown: frozenset[str]

    @property
    def size(self) -> int:
        """The bytes of all sources."""
        return sum(self.sizes.values())


@dataclass(frozen=True, slots=True)
class SymbolIndex:
    """Definitions by source id (`component:path`) and portable symbol."""

    files: Mapping[str, Mapping[str, Definition]]

    def definers(self, replacement: FindReplacement = KEEPS_ALL) -> dict[str, str]:
        """Return the source of each portable symbol; the first in order when several define it.

        Where a symbol has a `replacement`, that is its source.
        """
        found: dict[str, str] = {}
        for source in sorted(self.files):
            for symbol in self.files[source]:
                if symbol != CONSTRUCTORS and replacement(symbol) in {None, source}:
                    found.setdefault(symbol, source)
        return found

    def predict(
        self,
        sources: Iterable[str],
        symbols: Iterable[str],
        is_cut: Callable[[str], bool] = lambda _: False,
        replacement: FindReplacement = KEEPS_ALL,
    ) -> Prediction:
        """Follow `symbols` and whole `sources` to everything they need, but not what is cut."""
        definers = self.definers(replacement)
        linked = {source for source in sources if source in self.files}
        seen: set[tuple[str, str]] = set()
        unknown: set[str] = set()
        sizes: dict[str, int] = {}
        stack = [(source, symbol) for source in linked for symbol in self.files[source]]
        pending = [portable(symbol) for symbol in symbols]
        while stack or pending:
            for symbol in pending:
                if symbol in definers:
                    stack.append((definers[symbol], symbol))
                else:
                    unknown.add(symbol)
            pending = []
            if not stack:
                break
            place = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            source, symbol = place
            if source not in linked:
                linked.add(source)
                if CONSTRUCTORS in self.files[source]:
                    stack.append((source, CONSTRUCTORS))
            definition = self.files[source][symbol]
            sizes[source] = sizes.get(source, 0) + definition.size
            pending = [need for need in definition.needs if not is_cut(need)]
        return Prediction(tuple(sorted(linked)), sizes, frozenset(unknown))

    def merged(self, other: "SymbolIndex") -> "SymbolIndex":
        """Return both; what `other` says of a source replaces what this one says."""
        return SymbolIndex({**self.files, **other.files})

    def joined(self, other: "SymbolIndex") -> "SymbolIndex":
        """Return both; what each says of a source counts: its needs differ between ABIs."""
        files = {
            source: _joined(self.files.get(source, {}), rows)
            for source, rows in other.files.items()
        }
        return self.merged(SymbolIndex(files))

    def of(self, sources: Container[str]) -> "SymbolIndex":
        """Return what is known of these sources: others are of another ABI, or gone."""
        return SymbolIndex({name: rows for name, rows in self.files.items() if name in sources})

    def starting_with(self, prefix: str) -> tuple[str, ...]:
        """Return the known symbols with a prefix: overloads differ in their mangled arguments."""
        wanted = portable(prefix)
        return tuple(
            sorted({s for rows in self.files.values() for s in rows if s.startswith(wanted)})
        )

    def to_bytes(self) -> bytes:
        """Return a compressed, stable form that `from_bytes` reads."""
        names = sorted(
            {symbol for rows in self.files.values() for symbol in rows}
            | {need for rows in self.files.values() for row in rows.values() for need in row.needs}
        )
        number = {name: index for index, name in enumerate(names)}
        document = {
            "version": _VERSION,
            "symbols": names,
            "files": {
                source: [
                    [number[symbol], row.size, *(number[need] for need in row.needs)]
                    for symbol, row in sorted(rows.items())
                ]
                for source, rows in sorted(self.files.items())
            },
        }
        return lzma.compress(json.dumps(document, separators=(",", ":")).encode(), preset=9)

    @staticmethod
    def from_bytes(data: bytes) -> "SymbolIndex":
        """Read what `to_bytes` wrote; raise `ValueError` on anything else."""
        try:
            document = json.loads(lzma.decompress(data))
        except (lzma.LZMAError, EOFError) as error:
            message = f"not a symbol index: {error}"
            raise ValueError(message) from error
        if document.get("version") != _VERSION:
            message = f"unknown version of the symbol index: {document.get('version')}"
            raise ValueError(message)
        names = document["symbols"]
        return SymbolIndex(
            {
                source: {
                    names[row[0]]: Definition(row[1], tuple(names[need] for need in row[2:]))
                    for row in rows
                }
                for source, rows in document["files"].items()
            }
        )


EMPTY: Final = SymbolIndex({})


def _joined(
    one: Mapping[str, Definition], other: Mapping[str, Definition]
) -> dict[str, Definition]:
    rows = {**one, **other}
    for symbol in one.keys() & other.keys():
        pair = one[symbol], other[symbol]
        needs = frozenset[str]().union(*(it.needs for it in pair))
        rows[symbol] = Definition(max(it.size for it in pair), tuple(sorted(needs)))
    return rows


def condense(
    graphs: Mapping[str, ObjectGraph],
    *,
    known: Iterable[str] = (),
    whole: Iterable[str] = (),
    replacement: FindReplacement = KEEPS_ALL,
) -> SymbolIndex:
    """Condense the graphs of compiled sources to the symbols they ask each other for.

    `known` are symbols that sources outside of `graphs` ask for or define: with those of another
    index, what a few objects teach may replace what it says of the same sources. `whole` are the
    sources that are linked for all they define, whether anything asks for it or not. What has a
    `replacement` is asked for even by the source that defines it.
    """
    elsewhere = frozenset(map(portable, known))
    asked = {
        edge
        for graph in graphs.values()
        for section in graph.sections.values()
        for edge in section.edges
        if isinstance(edge, str) and (_is_foreign(edge, graph) or replacement(edge) is not None)
    }
    asked |= {symbol for graph in graphs.values() for symbol in graph.strong if is_operator(symbol)}
    asked |= {symbol for source in whole if source in graphs for symbol in graphs[source].strong}
    defined = {symbol for graph in graphs.values() for symbol in (*graph.strong, *graph.weak)}
    names = {symbol: portable(symbol) for symbol in asked | defined}
    kept = elsewhere | ({names[it] for it in asked} & {names[it] for it in defined})
    names = {symbol: name for symbol, name in names.items() if name in kept}
    rows = {
        source: _condense_object(graph, names, _own_unless_replaced(source, replacement))
        for source, graph in graphs.items()
    }
    return SymbolIndex(rows)


def _own_unless_replaced(source: str, replacement: FindReplacement) -> Callable[[str], bool]:
    return lambda symbol: replacement(symbol) in {None, source}


def _is_foreign(symbol: str, graph: ObjectGraph) -> bool:
    return symbol not in graph.strong and symbol not in graph.weak


def finder(definers: Mapping[str, str]) -> Callable[[str], tuple[str, ...]]:
    """Return a function from a symbol to its source by portable symbol; nothing if it has none."""

    def find(symbol: str) -> tuple[str, ...]:
        source = definers.get(portable(symbol))
        return () if source is None else (source,)

    return find


def _condense_object(
    graph: ObjectGraph, names: Mapping[str, str], may_keep: Callable[[str], bool]
) -> dict[str, Definition]:
    """Condense one graph to the symbols in `names`, which has the portable name of each.

    A definition of its own counts for the symbols that it `may_keep`.
    """
    constructors = [index for index, section in graph.sections.items() if section.root]
    rows = {CONSTRUCTORS: _reach(graph, constructors, names, may_keep)} if constructors else {}
    for symbol, index in (*graph.weak.items(), *graph.strong.items()):
        if symbol in names:
            rows[names[symbol]] = _reach(graph, [index], names, may_keep)
    return rows


def _reach(
    graph: ObjectGraph,
    starts: list[int],
    names: Mapping[str, str],
    may_keep: Callable[[str], bool],
) -> Definition:
    seen: set[int] = set()
    needs: set[str] = set()
    stack = list(starts)
    while stack:
        index = stack.pop()
        section = graph.sections.get(index)
        if section is None or index in seen:
            continue
        seen.add(index)
        for edge in section.edges:
            if isinstance(edge, int):
                stack.append(edge)
                continue
            own = graph.strong.get(edge, graph.weak.get(edge))
            if own is not None and may_keep(edge):
                stack.append(own)
            elif edge in names:
                needs.add(names[edge])
    return Definition(sum(graph.sections[i].size for i in seen), tuple(sorted(needs)))


def read_index(path: Path) -> SymbolIndex:
    """Read an index file; an absent or a damaged one is empty, as an index is only advice."""
    try:
        return SymbolIndex.from_bytes(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return EMPTY
