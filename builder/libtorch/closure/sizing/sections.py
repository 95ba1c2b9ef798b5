"""All sections of all objects as one graph: what each weighs, and what it makes live.

The rules are those of the sweep (`builder.libtorch.closure.sweep`), with one simplification: of
equal copies of an inline function, one stands for all, whoever refers to another.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from builder.libtorch.closure.objects import Edge
from builder.libtorch.closure.replacements import FindReplacement
from builder.libtorch.closure.sizing.weights import NOTHING, WeighedObject, Weight
from builder.libtorch.mangling import called_operator, portable

Node = tuple[str, object]
"""A `section`, an `object` with its constructors, a `constant`, an `operator`, or a `symbol`.

What has a replacement is two nodes, of which a library has one: see Note [Replacements] in
`builder.libtorch.closure.replacements`. A `symbol` is upstream's, what is `instead` of it ours.
"""

_CALL: Final = "at::_ops::"
INSTEAD: Final = "instead of "
"""How the name of a replacement begins; what it replaces follows."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What registers one operator in a section of an object, and belongs to it alone."""

    operator: str
    section: int
    edges: tuple[Edge, ...]
    constants: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Registrar:
    """An object that registers operators; each of several objects of one source has some."""

    source: str
    object: WeighedObject
    claims: tuple[Claim, ...]


@dataclass(slots=True)
class Sections:
    """The graph while it is made: the weight of each node, and where each leads."""

    weights: dict[Node, Weight] = field(default_factory=dict)
    leads: dict[Node, set[Node]] = field(default_factory=dict)

    def lead(self, node: Node, targets: Iterable[Node]) -> None:
        """Let one node make others live."""
        self.leads.setdefault(node, set()).update(targets)


def symbol_name(symbol: str) -> str:
    """Return how a symbol is named in a graph: `at::_ops::mul` for the call of an operator.

    The mangled arguments of a call differ between ABIs, and no overload needs them.
    """
    operator = called_operator(symbol)
    return portable(symbol) if operator is None else _CALL + operator


def operator_of(name: str) -> str | None:
    """Return X of the name `at::_ops::X`, None for any other."""
    return name.removeprefix(_CALL) if name.startswith(_CALL) else None


def connect(
    objects: Mapping[str, WeighedObject],
    registrars: Sequence[Registrar],
    replacement: FindReplacement,
) -> Sections:
    """Connect objects by the id of their source, and those that were made for a selection alone.

    Of several registrars, the first that claims an operator stands for it.
    """
    apart = {
        f"{it.source}#{number}": it.object for number, it in enumerate(registrars)
    }  # fmt: skip
    connector = _Connector({**objects, **apart}, replacement, frozenset(apart))
    for source in sorted(objects):
        connector.connect(source)
    for name, registrar in zip(apart, registrars, strict=True):
        connector.register(name, registrar)
    return connector.sections


class _Connector:
    """Resolves the references of objects; lives only inside `connect`."""

    def __init__(
        self,
        objects: Mapping[str, WeighedObject],
        replacement: FindReplacement,
        apart: frozenset[str],
    ) -> None:
        self.sections = Sections()
        self._objects = objects
        self._replacement = replacement
        self._weak: dict[str, Node] = {}
        self._owner: dict[str, dict[int, str]] = {source: {} for source in objects}
        copies: dict[str, list[str]] = {}
        for source in sorted(objects, key=lambda it: (it in apart, it)):
            for symbol, index in sorted(objects[source].graph.weak.items()):
                self._weak.setdefault(symbol, ("section", (source, index)))
                self._owner[source].setdefault(index, symbol)
                copies.setdefault(symbol, []).append(source)
        for source in sorted(objects.keys() - apart):  # what registrars define serves nobody else
            self._define(source)
        for symbol, sources in copies.items():
            self._share(symbol, sources)

    def _define(self, source: str) -> None:
        """Say where the symbols are that an object alone defines."""
        for symbol, index in self._objects[source].graph.strong.items():
            kind = "instead" if self._replacement(symbol) == source else "symbol"
            node: Node = (kind, symbol_name(symbol))
            if node not in self.sections.leads:
                self.sections.lead(node, [("section", (source, index)), ("object", source)])

    def _share(self, symbol: str, sources: Sequence[str]) -> None:
        """Say where a symbol is that objects have copies of: the only one makes its object live."""
        node: Node = ("symbol", symbol_name(symbol))
        if node not in self.sections.leads:
            only: list[Node] = [("object", sources[0])] if len(sources) == 1 else []
            self.sections.lead(node, [self._weak[symbol], *only])

    def connect(self, source: str, claimed: Mapping[int, frozenset[Edge]] | None = None) -> None:
        """Add the sections of an object, less what is claimed of them."""
        item = self._objects[source]
        for index, section in item.graph.sections.items():
            node: Node = ("section", (source, index))
            self.sections.weights[node] = item.weights[index]
            less = (claimed or {}).get(index, frozenset())
            self._lead(node, source, (it for it in section.edges if it not in less))
            self._keep(node, item.constants.get(index, ()))
            if section.root:
                self.sections.lead(("object", source), [node])

    def register(self, source: str, registrar: Registrar) -> None:
        """Add an object that registers operators: each has its part of the sections that do."""
        claimed: dict[int, set[Edge]] = {}
        counts: dict[int, int] = {}
        for it in registrar.claims:
            claimed.setdefault(it.section, set()).update(it.edges)
            counts[it.section] = counts.get(it.section, 0) + 1
        self.connect(source, {index: frozenset(it) for index, it in claimed.items()})
        shared: Node = ("object", registrar.source)
        if shared not in self.sections.leads:
            self.sections.lead(shared, self.sections.leads.get(("object", source), ()))
        for it in registrar.claims:
            section: Node = ("section", (source, it.section))
            node: Node = ("operator", it.operator)
            if node not in self.sections.weights:
                weight = registrar.object.weights[it.section].part(counts[it.section])
                self.sections.weights[node] = weight
                self._lead(node, source, it.edges)
                self._keep(node, it.constants)
                self.sections.lead(node, [shared])
            self.sections.weights[section] = NOTHING

    def _lead(self, node: Node, source: str, edges: Iterable[Edge]) -> None:
        self.sections.lead(node, (it for edge in edges for it in self._targets(source, edge)))

    def _keep(self, node: Node, constants: Iterable[bytes]) -> None:
        for constant in constants:
            kept: Node = ("constant", constant)
            self.sections.weights[kept] = Weight(len(constant))
            self.sections.lead(node, [kept])

    def _targets(self, source: str, edge: Edge) -> Iterator[Node]:
        graph = self._objects[source].graph
        if isinstance(edge, int):
            owner = self._owner[source].get(edge)
            yield ("section", (source, edge)) if owner is None else self._weak[owner]
        elif self._replacement(edge) not in {None, source}:
            yield from (("symbol", symbol_name(edge)), ("instead", symbol_name(edge)))
        elif edge in graph.strong:
            yield ("section", (source, graph.strong[edge]))
        elif edge in graph.weak:
            yield self._weak[edge]
        else:
            yield ("symbol", symbol_name(edge))
