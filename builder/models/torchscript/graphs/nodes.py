"""The graph a function becomes: nodes in blocks, values between them (`torch/csrc/jit/ir/ir.h`).

Constants are values without a node: no order among them matters, only the block they belong to.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from builder.models.torchscript.signatures.kinds import Type, UnsureError
from builder.models.torchscript.signatures.literals import Literal
from builder.models.torchscript.signatures.schemas import Schema

IF: Final = "prim::If"
LOOP: Final = "prim::Loop"
PARAM: Final = "prim::Param"
RETURN: Final = "prim::Return"
GET_ATTRIBUTE: Final = "prim::GetAttr"
SET_ATTRIBUTE: Final = "prim::SetAttr"
CALL_FUNCTION: Final = "prim::CallFunction"
CALL_METHOD: Final = "prim::CallMethod"
TUPLE: Final = "prim::TupleConstruct"
TUPLE_UNPACK: Final = "prim::TupleUnpack"
TUPLE_INDEX: Final = "prim::TupleIndex"
TUPLE_SLICE: Final = "prim::TupleSlice"
LIST: Final = "prim::ListConstruct"
LIST_UNPACK: Final = "prim::ListUnpack"
DICT: Final = "prim::DictConstruct"
CREATE_OBJECT: Final = "prim::CreateObject"
UNINITIALIZED: Final = "prim::Uninitialized"
UNCHECKED_CAST: Final = "prim::unchecked_cast"
IS_INSTANCE: Final = "prim::isinstance"
TO_LIST: Final = "prim::tolist"
RAISE: Final = "prim::RaiseException"
DROP: Final = "prim::Drop"

MAX_NODES: Final = 150_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a source a node comes from; `file` is the record, `offset` counts its bytes."""

    file: str
    offset: int


class Value:
    """A value: the result of a node, or a constant without one. `users` counts its uses by node.

    `home` is the block a constant belongs to, if that is not the one of the whole function.
    """

    __slots__ = ("constant", "home", "literal", "node", "type", "users")

    def __init__(self, type_: Type, node: "Node | None" = None) -> None:
        """Make a value without users."""
        self.type = type_
        self.node = node
        self.users: dict[Node, int] = {}
        self.constant = False
        self.literal: Literal = None
        self.home: Block | None = None

    @property
    def kind(self) -> str:
        """What makes it: the kind of a node, nothing for a constant."""
        return "" if self.node is None else self.node.kind

    @property
    def uses(self) -> int:
        """How often it is used."""
        return sum(self.users.values())

    def replace(self, other: "Value") -> None:
        """Use another value in every place of this one."""
        if other is self:
            return
        for user in list(self.users):
            user.inputs[:] = [other if it is self else it for it in user.inputs]
            other.users[user] = other.users.get(user, 0) + self.users[user]
        self.users.clear()


def constant(literal: Literal, type_: Type) -> Value:
    """Return a constant."""
    value = Value(type_)
    value.constant, value.literal = True, literal
    return value


class Node:
    """An operation. `name` is the attribute, method or class it is about, `slot` a number of it.

    `calls` are the places it was inlined from, the outermost last.
    """

    __slots__ = ("block", "blocks", "calls", "inputs", "kind", "name", "outputs", "place", "schema",
                 "slot", "types")  # fmt: skip

    def __init__(self, kind: str, block: "Block", place: Place | None = None) -> None:
        """Make a node without inputs that stands nowhere yet."""
        self.kind = kind
        self.block = block
        self.place = place
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.blocks: list[Block] = []
        self.schema: Schema | None = None
        self.name = ""
        self.slot = 0
        self.types: tuple[Type, ...] = ()
        self.calls: tuple[Place, ...] = ()

    @property
    def output(self) -> Value:
        """Its only result."""
        (value,) = self.outputs
        return value

    def take(self, value: Value) -> None:
        """Add an input."""
        self.inputs.append(value)
        value.users[self] = value.users.get(self, 0) + 1

    def give(self, type_: Type) -> Value:
        """Add a result."""
        value = Value(type_, self)
        self.outputs.append(value)
        return value

    def drop(self, index: int) -> None:
        """Remove an input."""
        value = self.inputs.pop(index)
        if value.users[self] == 1:
            del value.users[self]
        else:
            value.users[self] -= 1

    def exchange(self, index: int, value: Value) -> None:
        """Use another value as an input."""
        old = self.inputs[index]
        self.inputs[index] = value
        value.users[self] = value.users.get(self, 0) + 1
        if old.users[self] == 1:
            del old.users[self]
        else:
            old.users[self] -= 1

    def detach(self) -> None:
        """Use nothing any more, nor in the blocks: the node is about to go."""
        for value in self.inputs:
            value.users.pop(self, None)
        self.inputs.clear()
        for block in self.blocks:
            for node in (*block.nodes, block.result):
                node.detach()

    @property
    def used(self) -> bool:
        """Whether anything uses a result."""
        return any(it.users for it in self.outputs)


class Block:
    """Nodes in the order they run. `owner` is the node it is a part of, none for a whole graph."""

    __slots__ = ("nodes", "owner", "parameter", "result")

    def __init__(self, owner: Node | None = None) -> None:
        """Make an empty block."""
        self.owner = owner
        self.nodes: list[Node] = []
        self.parameter = Node(PARAM, self)
        self.result = Node(RETURN, self)

    def add(self, kind: str, inputs: Iterable[Value], place: Place | None = None) -> Node:
        """Append a node without results."""
        node = Node(kind, self, place)
        for value in inputs:
            node.take(value)
        self.nodes.append(node)
        return node

    def make(
        self, kind: str, inputs: Iterable[Value], type_: Type, place: Place | None = None
    ) -> Value:
        """Append a node with one result, and return that."""
        return self.add(kind, inputs, place).give(type_)

    def cut(self, length: int) -> None:
        """Remove the nodes from a place on, which nothing else uses."""
        for node in reversed(self.nodes[length:]):
            node.detach()
        del self.nodes[length:]


def all_nodes(block: Block) -> Iterator[Node]:
    """Yield each node of a block and of those inside, the outer before the inner."""
    for node in list(block.nodes):
        yield node
        for inner in node.blocks:
            yield from all_nodes(inner)


@dataclass(frozen=True, slots=True)
class _Copy:
    """One copy of a graph: the block it goes to, and from where it is called."""

    home: Block
    calls: tuple[Place, ...]


class Copier:
    """Copies nodes into other blocks, and counts them: inlining may multiply without end."""

    def __init__(self) -> None:
        """Begin to count."""
        self.made = 0

    def copy(
        self, source: Block, target: Block, given: Sequence[Value], calls: tuple[Place, ...] = ()
    ) -> tuple[list[Node], list[Value]]:
        """Return copies of the nodes of a whole graph that belong to `target`, and its results."""
        known = dict(zip(source.parameter.outputs, given, strict=True))
        nodes = self._nodes(source, target, known, _Copy(target, calls))
        results = [_known(known, it, target) for it in source.result.inputs]
        return nodes, results

    def _nodes(
        self, source: Block, target: Block, known: dict[Value, Value], copy: "_Copy"
    ) -> list[Node]:
        self.made += len(source.nodes)
        if self.made > MAX_NODES:
            raise UnsureError("it is too large")
        return [self._node(node, target, known, copy) for node in source.nodes]

    def _node(self, node: Node, target: Block, known: dict[Value, Value], copy: "_Copy") -> Node:
        made = Node(node.kind, target, node.place)
        made.schema, made.name, made.slot = node.schema, node.name, node.slot
        made.types = node.types
        # torch forgets where a node without results was called from, unless it is inside another
        forgets = target is copy.home and not node.outputs
        inside = _Copy(copy.home, ()) if forgets else copy
        made.calls = (*node.calls, *inside.calls)
        for value in node.inputs:
            made.take(_known(known, value, copy.home))
        for block in node.blocks:
            inner = Block(made)
            for value in block.parameter.outputs:
                known[value] = inner.parameter.give(value.type)
            inner.nodes = self._nodes(block, inner, known, inside)
            for value in block.result.inputs:
                inner.result.take(_known(known, value, copy.home))
            made.blocks.append(inner)
        for value in node.outputs:
            known[value] = made.give(value.type)
        return made


def _known(known: dict[Value, Value], value: Value, home: Block) -> Value:
    """Return the copy of a value; a constant gets one when it is first used."""
    if value.constant and value not in known:
        made = constant(value.literal, value.type)
        made.home = home
        known[value] = made
    return known[value]
