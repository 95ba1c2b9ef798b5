"""Which values may be the same memory, and what nodes write to it.

Rules: `torch/csrc/jit/ir/alias_analysis.cpp`. Values are known by numbers of places in memory. What
is put into a container, or comes from outside, may be any other value of its type: a wildcard.
"""

from collections.abc import Callable, Iterable
from typing import Final

from builder.models.torchscript.graphs.nodes import (
    CALL_FUNCTION,
    CALL_METHOD,
    CREATE_OBJECT,
    DICT,
    GET_ATTRIBUTE,
    IF,
    LIST,
    LIST_UNPACK,
    LOOP,
    SET_ATTRIBUTE,
    TO_LIST,
    TUPLE,
    TUPLE_INDEX,
    TUPLE_SLICE,
    TUPLE_UNPACK,
    UNCHECKED_CAST,
    UNINITIALIZED,
    Block,
    Node,
    Value,
)
from builder.models.torchscript.signatures.kinds import Kind, Type
from builder.models.torchscript.signatures.schemas import Schema

CONSERVATIVE: Final = frozenset({
    "aten::is_grad_enabled", "aten::set_grad_enabled", "aten::_get_cpu_capability",
    "aten::backward", "aten::is_autocast_enabled", "aten::is_autocast_cpu_enabled",
    "aten::get_autocast_dtype",
})  # fmt: skip
"""Operators that may do anything, as they are registered."""

_EXTRACTORS: Final = frozenset({
    TUPLE_UNPACK, TUPLE_INDEX, TUPLE_SLICE, LIST_UNPACK, GET_ATTRIBUTE,
})  # fmt: skip
_CREATORS: Final = frozenset({CREATE_OBJECT, TO_LIST, UNINITIALIZED})
_KEEPING: Final = frozenset({
    "aten::cat", "aten::broadcast_tensors", "aten::stack", "aten::vstack", "aten::hstack",
    "aten::dstack",
})  # fmt: skip
_STATISTICS: Final = (3, 4)  # of a normalization, which changes them in training
_TRAINING: Final = 5

Places = set[int]


class Aliases:
    """The places of the values of one graph, as it is now."""

    def __init__(self, graph: Block) -> None:
        """Walk through the graph once."""
        self._graph = graph
        self._next = 0
        self._places: dict[Value, Places] = {}
        self._wild: dict[Type, int] = {}
        self._wildcards: list[Value] = []
        self._writes: dict[Node, list[Value]] = {}
        self._special: dict[str, Callable[[Node], None]] = {
            IF: self._if,
            LOOP: self._loop,
            UNCHECKED_CAST: lambda node: self._point(node.output, node.inputs),
            SET_ATTRIBUTE: self._sets_attribute,
            CALL_FUNCTION: self._anything,
            CALL_METHOD: self._anything,
            "aten::batch_norm": self._normalization,
            "aten::instance_norm": self._normalization,
            "prim::Print": lambda _: None,
            **dict.fromkeys((TUPLE, LIST, DICT), self._container),
        }
        for value in graph.parameter.outputs:
            self._set_wild(value)
        self._analyze(graph)
        self._joined: dict[int, set[int]] = {}
        for value in self._wildcards:
            mark = self._wild_of(value.type)
            for place in self._of(value):
                self._joined.setdefault(mark, set()).add(place)
        written = (self.places(value) for values in self._writes.values() for value in values)
        self._written: Places = set().union(*written)

    def places(self, value: Value) -> Places:
        """Return where a value may be."""
        found = self._of(value)
        if value.type in self._wild:
            mark = self._wild[value.type]
            if not found.isdisjoint(self._joined.get(mark, ())):
                return found | {mark}
        return found

    def written(self, value: Value) -> bool:
        """Whether anything may change a value."""
        if value.constant and value.literal is None:
            return False
        return not self._written.isdisjoint(self.places(value))

    def writes(self, node: Node) -> Places:
        """Return the places that a node changes, those that are changed in its blocks apart."""
        return set[int]().union(*(self.places(it) for it in self._writes.get(node, ())))

    @property
    def wild(self) -> Places:
        """The places of all wildcards."""
        return set(self._wild.values())

    def _of(self, value: Value) -> Places:
        found = self._places.get(value)
        if found is None:
            found = self._fresh(value) if value.type.mutable else set()
        return found

    def _fresh(self, value: Value) -> Places:
        self._next += 1
        found = {self._next}
        if value.type.mutable:
            self._places[value] = found
        return found

    def _wild_of(self, type_: Type) -> int:
        if type_ not in self._wild:
            self._next += 1
            self._wild[type_] = self._next
        return self._wild[type_]

    def _set_wild(self, value: Value) -> None:
        if value.type.mutable:
            self._of(value)
            self._wild_of(value.type)
            self._wildcards.append(value)

    def _point(self, value: Value, others: Iterable[Value]) -> None:
        if value.type.mutable:
            self._places.setdefault(value, set()).update(*(self._of(it) for it in others))

    def _write(self, node: Node, value: Value) -> None:
        if value.type.mutable:
            self._writes.setdefault(node, []).append(value)

    def _analyze(self, block: Block) -> None:
        for node in block.nodes:
            self._node(node)

    def _node(self, node: Node) -> None:
        kind = node.kind
        special = self._special.get(kind)
        if special is not None:
            special(node)
        elif kind in _EXTRACTORS:
            for value in node.outputs:
                self._set_wild(value)
        elif kind in _CREATORS:
            self._fresh(node.output)
        elif kind in CONSERVATIVE:
            self._anything(node)
        elif node.schema is not None:
            self._operator(node, node.schema)

    def _sets_attribute(self, node: Node) -> None:
        self._write(node, node.inputs[0])
        self._set_wild(node.inputs[1])

    def _if(self, node: Node) -> None:
        for block in node.blocks:
            self._analyze(block)
        ends = zip(*(block.result.inputs for block in node.blocks), strict=True)
        for value, pair in zip(node.outputs, ends, strict=True):
            self._point(value, pair)

    def _loop(self, node: Node) -> None:
        (body,) = node.blocks
        for value, start in zip(body.parameter.outputs[1:], node.inputs[2:], strict=True):
            self._point(value, [start])
        self._analyze(body)
        for value, end in zip(node.outputs, body.result.inputs[1:], strict=True):
            self._point(value, [end])

    def _container(self, node: Node) -> None:
        if not node.output.type.mutable:
            return
        self._fresh(node.output)
        if not self._stays_inside(node.output):
            for value in node.inputs:
                self._set_wild(value)

    def _stays_inside(self, container: Value) -> bool:
        """Whether the only use of a container gives nothing of it to anything else."""
        if container.uses != 1:
            return False
        (user,) = container.users
        if user is self._graph.result:
            return container.type.kind in (Kind.LIST, Kind.TUPLE)
        return container.type.kind is Kind.LIST and user.kind in _KEEPING

    def _normalization(self, node: Node) -> None:
        self._fresh(node.output)
        training = node.inputs[_TRAINING]
        if not training.constant or training.literal is not False:
            for index in _STATISTICS:
                self._write(node, node.inputs[index])

    def _anything(self, node: Node) -> None:
        for value in node.inputs:
            self._write(node, value)
            self._set_wild(value)
        for value in node.outputs:
            self._set_wild(value)

    def _operator(self, node: Node, schema: Schema) -> None:
        named: dict[str, Value] = {}
        for argument, value in zip(schema.arguments, node.inputs, strict=False):
            if not value.type.mutable or not (
                argument.alias or argument.written or argument.escapes
            ):
                continue
            if argument.written:
                self._write(node, value)
            if argument.escapes:
                self._set_wild(value)
            named.setdefault(argument.alias, value)
        for result, value in zip(schema.results, node.outputs, strict=True):
            same = [named[it] for it in sorted(result.aliases & named.keys())]
            if "*" in result.aliases:
                self._set_wild(value)
            elif same:
                self._point(value, same)
            else:
                self._fresh(value)
