"""Which operators keep each section of a library: what the linker would drop without them.

Note [Owners]. The linker keeps what its roots lead to. The roots are what the library exports, and
the registration of each operator that was asked for. What a root that is no operator leads to is
the fixed core. Of the rest, the owners of a section are all operators that lead to it: it goes when
the last of them goes. So what an operator costs alone is what has no other owner.

Two rules of the build are part of the graph (`builder.libtorch.closure.sweep`): a reference to what
an object alone defines makes the object part of the library, and with it its constructors; of equal
copies of an inline function and of equal constants one is kept, whoever refers to another. Equal
functions are folded into one, too: what leads to one of them leads to the one that is there.
"""

from bisect import insort
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from builder.libtorch.closure.details import ObjectDetails, Reference, Use
from builder.libtorch.closure.objects import Edge
from builder.report.attribution.inputs import LinkedObject
from builder.report.linkmap import Folded, InputPiece

REGISTERED: Final = "br_registered"
"""The section with the names of operators: native/src/upstream/named_operators.h."""

_EXCEPTIONS: Final = ".gcc_except_table"
_NO_FUNCTION: Final = "__dso_handle"

Owners = frozenset[str]
"""The operators that keep something; none is the fixed core."""

_Node = tuple[str, object]
_Place = tuple[str, int]


def operator_name(text: str) -> str:
    """Return the operator that a text in a registration names: it may be a whole schema."""
    return text.partition("(")[0].strip(' "')


@dataclass(frozen=True, slots=True)
class Registration:
    """What registers one operator in a section of an object, and nothing else there refers to."""

    operator: str
    references: tuple[Reference, ...]


def registrations(
    item: LinkedObject, section: int, references: Iterable[Reference], known: frozenset[str]
) -> Iterator[Registration]:
    """Yield the operators that a section of an object of the build's own registers.

    A table has a name, and what belongs to it follows. Code takes the address of a name, then that
    of the function; whatever it calls, it calls for all of them. Compilers take some names early:
    both names and functions come in the order of the source, and that of names is kept in their
    section. So a function belongs to the first name there that waits for one.
    """
    names = {it for it, found in item.graph.sections.items() if found.name == REGISTERED}
    found = _in_code if item.details.is_code(section) else _in_table
    done = set[str]()
    for it in found(item, references, names):
        if it.operator in known and it.operator not in done:
            done.add(it.operator)
            yield it


def _in_table(
    item: LinkedObject, references: Iterable[Reference], names: Container[Edge]
) -> Iterator[Registration]:
    current, taken = "", list[Reference]()
    for reference in references:
        if reference.edge in names:
            yield Registration(current, tuple(taken))
            current, taken = _text(item.details, reference), []
        else:
            taken.append(reference)
    yield Registration(current, tuple(taken))


def _in_code(
    item: LinkedObject, references: Iterable[Reference], names: Container[Edge]
) -> Iterator[Registration]:
    waiting, seen = list[tuple[int, str]](), set[int]()
    for reference in references:
        if reference.edge in names and reference.place not in seen:
            seen.add(reference.place)
            insort(waiting, (reference.place, _text(item.details, reference)))
        elif waiting and reference.use is Use.ADDRESS and _is_function(item, reference):
            yield Registration(waiting.pop(0)[1], (reference,))
    for _, text in waiting:
        yield Registration(text, ())


def _text(details: ObjectDetails, reference: Reference) -> str:
    assert isinstance(reference.edge, int)
    # an address relative to the instruction is that of the text less the width of the word
    for place in (reference.place, reference.place + 4):
        if place >= 0 and (place == 0 or details.starts_text(reference.edge, place)):
            return operator_name(details.text(reference.edge, place))
    return ""


def _is_function(item: LinkedObject, reference: Reference) -> bool:
    """Whether a reference is to code; what another object defines is taken for code."""
    edge, graph = reference.edge, item.graph
    section = edge if isinstance(edge, int) else graph.strong.get(edge, graph.weak.get(edge))
    if section is None:
        return edge != _NO_FUNCTION
    return section in graph.sections and item.details.is_code(section)


class OwnerGraph:
    """The references between all sections of a library; answers who owns what."""

    def __init__(
        self,
        objects: Iterable[LinkedObject],
        pieces: Iterable[InputPiece],
        operators: Iterable[str],
        folded: Iterable[Folded] = (),
    ) -> None:
        """Connect what refers to each other; `solve` finds the owners."""
        self._objects = {it.file: it for it in objects}
        self._operators = frozenset(operators)
        self._edges: dict[_Node, list[_Node]] = {}
        self._places = dict(_assign(self._objects, pieces))
        self._live = set(self._places.values())
        self._stand_ins = dict(self._find_stand_ins(folded))
        self._defined = self._definitions()
        for item in self._objects.values():
            self._connect(item)
        self._owners: dict[_Node, set[str]] = {}
        self._core: set[_Node] = set()

    def solve(self, exported: Iterable[InputPiece]) -> None:
        """Find the owners of everything; `exported` pieces stay whatever comes."""
        roots = [place for it in exported if (place := self._places.get(it)) is not None]
        self._core = self._reach(map(_section, roots), set())
        asked = self._reach((("operator", it) for it in sorted(self._operators)), self._core)
        for place in sorted(self._live):  # kept for a reason not seen here
            node = _section(place)
            if node not in self._core and node not in asked:
                self._core |= self._reach([node], self._core)
        for name in sorted(self._operators):
            for node in self._reach([("operator", name)], self._core):
                self._owners.setdefault(node, set()).add(name)

    def of_piece(self, piece: InputPiece) -> Owners:
        """Return who keeps a piece of the link map."""
        place = self._places.get(piece)
        return frozenset() if place is None else self._of(_section(place))

    def of_import(self, symbol: str) -> Owners:
        """Return who refers to a symbol of another library."""
        return self._of(("import", symbol))

    def of_constants(self) -> dict[bytes, Owners]:
        """Return who refers to each constant that was merged."""
        nodes = {it for targets in self._edges.values() for it in targets if it[0] == "constant"}
        return {it: self._of((kind, it)) for kind, it in nodes if isinstance(it, bytes)}

    def _of(self, node: _Node) -> Owners:
        return frozenset(() if node in self._core else self._owners.get(node, ()))

    def _reach(self, roots: Iterable[_Node], known: set[_Node]) -> set[_Node]:
        found: set[_Node] = set()
        stack = [it for it in roots if it not in known]
        while stack:
            node = stack.pop()
            if node in found:
                continue
            found.add(node)
            stack.extend(
                it for it in self._edges.get(node, ()) if it not in known and it not in found
            )
        return found

    def _find_stand_ins(self, folded: Iterable[Folded]) -> Iterator[tuple[_Place, _Place]]:
        """Yield each section that was folded, and the one that is there for it."""
        places: dict[tuple[str, str], list[_Place]] = {}
        for file, item in self._objects.items():
            for index, section in item.graph.sections.items():
                places.setdefault((file, section.name), []).append((file, index))
        for it in folded:
            kept = [place for place in places.get(it.kept, ()) if place in self._live]
            gone = [place for place in places.get(it.gone, ()) if place not in self._live]
            if len(kept) == len(gone) == 1:
                yield gone[0], kept[0]

    def _definitions(self) -> dict[str, _Place]:
        """Return where the definition of each symbol is that the linker took, folded or not."""
        found: dict[str, _Place] = {}
        for table in ("strong", "weak"):
            for file, item in self._objects.items():
                for symbol, index in getattr(item.graph, table).items():
                    if self._there((file, index)) is not None:
                        found.setdefault(symbol, (file, index))
        return found

    def _there(self, place: _Place) -> _Place | None:
        """Return what is in the library for a section: itself, or what it was folded into."""
        return place if place in self._live else self._stand_ins.get(place)

    def _connect(self, item: LinkedObject) -> None:
        live = {index for index in item.graph.sections if (item.file, index) in self._live}
        local = {index: name for name, index in item.graph.weak.items()}
        details = dict(item.details.references(live))
        for index in sorted(live):
            section = item.graph.sections[index]
            node = _section((item.file, index))
            claimed: set[Edge] = set()
            for it in self._registrations(item, index, details.get(index, ())):
                registered = ("operator", it.operator)
                self._edges.setdefault(registered, []).extend(
                    target for each in it.references for target in self._targets(item, each, local)
                )
                claimed |= {each.edge for each in it.references}
                if item.details.is_code(index):
                    self._edges[registered].append(("object", item.file))
            targets = self._edges.setdefault(node, [])
            for edge in section.edges:
                if edge not in claimed:
                    targets += self._leads(item, edge, local)
            for reference in details.get(index, ()):
                if reference.constant and reference.edge not in claimed:
                    targets.append(("constant", reference.constant))
            # lld drops the exception table of a dead function only where it is tied to it
            table = section.name.startswith(_EXCEPTIONS) and not item.details.is_tied(index)
            if section.root or table:
                self._edges.setdefault(("object", item.file), []).append(node)

    def _registrations(
        self, item: LinkedObject, index: int, references: tuple[Reference, ...]
    ) -> Iterator[Registration]:
        if item.own:
            yield from registrations(item, index, references, self._operators)

    def _targets(
        self, item: LinkedObject, reference: Reference, local: Mapping[int, str]
    ) -> Iterator[_Node]:
        if reference.constant:
            yield ("constant", reference.constant)
        yield from self._leads(item, reference.edge, local)

    def _leads(self, item: LinkedObject, edge: Edge, local: Mapping[int, str]) -> Iterator[_Node]:
        """Yield what a reference of an object makes live."""
        if isinstance(edge, int):
            place: _Place | None = (item.file, edge)
            if self._there((item.file, edge)) is None and edge in local:
                place = self._defined.get(local[edge])
            if place is not None and (there := self._there(place)) is not None:
                yield _section(there)
            return
        found = self._defined.get(edge)
        if found is None:
            yield ("import", edge)
            return
        if (there := self._there(found)) is not None:
            yield _section(there)
        other = self._objects[found[0]].graph
        own = edge in item.graph.weak or edge in item.graph.strong
        if edge in other.strong or not own:
            yield ("object", found[0])


def _section(place: _Place) -> _Node:
    return ("section", place)


def _assign(
    objects: Mapping[str, LinkedObject], pieces: Iterable[InputPiece]
) -> Iterator[tuple[InputPiece, _Place]]:
    """Say which section of its object each piece of the map is; equal names by size, in order."""
    waiting: dict[tuple[str, str, int], list[int]] = {}
    for file, item in objects.items():
        for index, section in item.graph.sections.items():
            waiting.setdefault((file, section.name, section.size), []).append(index)
    for piece in pieces:
        found = waiting.get((piece.file, piece.section, piece.size))
        if found:
            yield piece, (piece.file, found.pop(0))
