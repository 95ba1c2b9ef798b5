"""Passes that conversion runs on each function: tuples, constants, and what nothing needs.

Rules: `lower_tuples.cpp`, `constant_propagation.cpp` and `dead_code_elimination.cpp` in
`torch/csrc/jit/passes`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from builder.models.torchscript.graphs.aliases import CONSERVATIVE, Aliases
from builder.models.torchscript.graphs.folding import folded
from builder.models.torchscript.graphs.nodes import (
    CALL_FUNCTION,
    CALL_METHOD,
    IF,
    LOOP,
    RAISE,
    SET_ATTRIBUTE,
    TUPLE,
    TUPLE_INDEX,
    TUPLE_SLICE,
    TUPLE_UNPACK,
    UNINITIALIZED,
    Block,
    Node,
    Value,
)
from builder.models.torchscript.signatures.kinds import Type, UnsureError

_EFFECTS: Final = CONSERVATIVE | {
    "prim::Print", RAISE, "aten::warn", "aten::save", "aten::manual_seed", CALL_FUNCTION,
    CALL_METHOD, "aten::wait",
}  # fmt: skip
_NEVER_FOLDED: Final = frozenset({IF, LOOP, UNINITIALIZED, "prim::unchecked_unwrap_optional"})


def lower_tuples(graph: Block) -> None:
    """Use the parts of a tuple where it was made, then drop what nothing needs."""
    _lower_tuples(graph)
    eliminate(graph, Aliases(graph))


def _lower_tuples(block: Block) -> None:
    for node in block.nodes:
        _lower_tuple(node)
        for inner in node.blocks:
            _lower_tuples(inner)


def _lower_tuple(node: Node) -> None:
    if node.kind not in (TUPLE_UNPACK, TUPLE_INDEX, TUPLE_SLICE):
        return
    made = node.inputs[0].node
    if made is None or made.kind != TUPLE:
        return
    match node.kind:
        case "prim::TupleUnpack":
            for value, part in zip(node.outputs, made.inputs, strict=True):
                value.replace(part)
        case "prim::TupleIndex":
            index = node.inputs[1].literal
            if isinstance(index, int):
                node.output.replace(made.inputs[index])
        case _:
            parts = made.inputs[node.slot : node.slot + len(node.output.type.parts)]
            node.kind = TUPLE
            node.drop(0)
            for part in parts:
                node.take(part)


def propagate_constants(graph: Block) -> None:
    """Compute what constants alone decide, branches among it, then drop what nothing needs."""
    if _propagate(graph):
        eliminate(graph, Aliases(graph))


def _propagate(block: Block) -> bool:
    """Return whether anything changed."""
    changed = False
    kept: list[Node] = []
    pending = list(reversed(block.nodes))
    while pending:
        node = pending.pop()
        if node.kind == IF and node.inputs[0].constant:
            chosen = node.blocks[0 if node.inputs[0].literal else 1]
            _propagate(chosen)
            kept += _inlined(node, chosen, block)
            changed = True
        elif node.kind == LOOP and _never_runs(node):
            for value, start in zip(node.outputs, node.inputs[2:], strict=True):
                value.replace(start)
            node.detach()
            changed = True
        else:
            changed |= _propagate_node(node)
            kept.append(node)
    block.nodes = kept
    return changed


def _inlined(node: Node, chosen: Block, block: Block) -> list[Node]:
    """Return the nodes of a branch as a part of the block around it."""
    moved = list(chosen.nodes)
    for inner in moved:
        inner.block = block
    for inner in _with_results(chosen):
        for value in inner.inputs:
            if value.home is chosen:
                value.home = block
    for value, result in zip(node.outputs, list(chosen.result.inputs), strict=True):
        value.replace(result)
    chosen.nodes = []
    node.detach()
    return moved


def _never_runs(node: Node) -> bool:
    trips, start = node.inputs[:2]
    none = trips.constant and isinstance(trips.literal, int) and trips.literal <= 0
    return none or (start.constant and start.literal is False)


def _propagate_node(node: Node) -> bool:
    changed = False
    if not node.blocks:
        return _fold(node)
    for block in node.blocks:
        changed |= _propagate(block)
    return (_settled_if(node) if node.kind == IF else _settled_loop(node)) or changed


def _fold(node: Node) -> bool:
    if (
        node.kind in _NEVER_FOLDED
        or has_effects(node)
        or not all(it.constant for it in node.inputs)
        or any(it.type.mutable for it in (*node.inputs, *node.outputs))
    ):
        return False
    found = folded(node)
    if found is None:
        return False
    node.output.replace(found)
    return True


def _settled_if(node: Node) -> bool:
    """Drop results that are the same in both branches."""
    first, second = (block.result for block in node.blocks)
    changed = False
    for index in reversed(range(len(node.outputs))):
        one, other = first.inputs[index], second.inputs[index]
        if one is not other and not _same_constant(one, other):
            continue
        node.outputs.pop(index).replace(one)
        first.drop(index)
        second.drop(index)
        changed = True
    return changed


def _same_constant(one: Value, other: Value) -> bool:
    return (
        one.constant
        and other.constant
        and one.type == other.type
        and type(one.literal) is type(other.literal)
        and one.literal == other.literal
    )


def _settled_loop(node: Node) -> bool:
    """Drop results that no trip changes."""
    (body,) = node.blocks
    changed = False
    for index in reversed(range(len(node.outputs))):
        inside = body.parameter.outputs[index + 1]
        if inside is not body.result.inputs[index + 1]:
            continue
        start = node.inputs[index + 2]
        node.outputs.pop(index).replace(start)
        inside.replace(start)
        body.parameter.outputs.pop(index + 1)
        node.drop(index + 2)
        body.result.drop(index + 1)
        changed = True
    return changed


def pool_constants(graph: Block) -> None:
    """Make equal constants one, of the block of the whole graph."""
    known: dict[tuple[Type, type, object], Value] = {}
    for node in _with_results(graph):
        for value in list(dict.fromkeys(node.inputs)):
            if not value.constant:
                continue
            value.home = graph
            if not value.type.mutable:
                same = known.setdefault((value.type, type(value.literal), value.literal), value)
                value.replace(same)


def _with_results(block: Block) -> Iterator[Node]:
    for node in block.nodes:
        yield node
        for inner in node.blocks:
            yield from _with_results(inner)
    yield block.result


def order_results(graph: Block) -> None:
    """Bring the results of branches and loops into the order in which they are first used."""
    _order_results(graph, {node: place for place, node in enumerate(_with_results(graph))})


def _order_results(block: Block, places: Mapping[Node, int]) -> None:
    for node in reversed(block.nodes):
        if node.blocks:
            uses = [_first(it, places) for it in node.outputs]
            _permute(node, sorted(range(len(uses)), key=uses.__getitem__))
        for inner in node.blocks:
            _order_results(inner, places)


def _first(value: Value, places: Mapping[Node, int]) -> tuple[int, int]:
    uses = ((places[user], user.inputs.index(value)) for user in value.users)
    return min(uses, default=(len(places), 0))


def _permute(node: Node, order: Sequence[int]) -> None:
    node.outputs[:] = [node.outputs[it] for it in order]
    carried = node.kind == LOOP
    if carried:
        node.inputs[2:] = [node.inputs[it + 2] for it in order]
    for block in node.blocks:
        ends = block.result.inputs
        ends[carried:] = [ends[it + carried] for it in order]
        if carried:
            starts = block.parameter.outputs
            starts[1:] = [starts[it + 1] for it in order]


def has_effects(node: Node) -> bool:
    """Whether a node by itself does more than computing its results."""
    return node.kind in _EFFECTS


def eliminate(graph: Block, aliases: Aliases | None) -> None:
    """Drop the nodes that nothing needs; without `aliases` those stay that change anything."""
    _Elimination(aliases).run(graph)


class _Elimination:
    """Marks what is live from the end, then sweeps."""

    def __init__(self, aliases: Aliases | None) -> None:
        self._aliases = aliases
        self._wild = aliases.wild if aliases is not None else set()
        self._marked: set[Node] = set()
        self._live: set[Value] = set()
        self._live_places: set[int] = set()
        self._effects: dict[Node, bool] = {}

    def run(self, graph: Block) -> None:
        self._mark_node(graph.result)
        self._mark(graph)
        self._sweep(graph)

    def _mark(self, block: Block) -> bool:
        """Return whether anything new was marked."""
        changed = False
        for node in block.nodes:
            if self._has_effects(node):
                changed |= self._mark_node(node)
        changed |= self._mark_result(block)
        for node in reversed(block.nodes):
            if node.kind == LOOP:
                while self._mark(node.blocks[0]):
                    changed = True
            else:
                for inner in node.blocks:
                    changed |= self._mark(inner)
            if self._is_live(node):
                changed |= self._mark_node(node)
        return changed

    def _mark_result(self, block: Block) -> bool:
        if block.result in self._marked:
            return False
        owner = block.owner
        if owner is None:
            return self._mark_node(block.result)
        if owner.kind == LOOP:
            inside = block.parameter.outputs[1:]
            ends = block.result.inputs[1:]
            for start, end, outside in zip(inside, ends, owner.outputs, strict=True):
                if outside in self._live or start.users:
                    self._enliven(end)
            self._enliven(block.result.inputs[0])
        else:
            for end, outside in zip(block.result.inputs, owner.outputs, strict=True):
                if outside in self._live:
                    self._enliven(end)
        self._marked.add(block.result)
        return True

    def _enliven(self, value: Value) -> None:
        if value in self._live:
            return
        self._live.add(value)
        if self._aliases is not None:
            self._live_places |= self._aliases.places(value)
        if value.constant and value.home is not None and value.home.owner is not None:
            self._mark_node(value.home.owner)

    def _is_live(self, node: Node) -> bool:
        if any(it in self._live for it in node.outputs):
            return True
        if self._aliases is None or node.blocks:  # what is inside was asked before
            return False
        return not self._live_places.isdisjoint(self._aliases.writes(node))

    def _mark_node(self, node: Node) -> bool:
        if node in self._marked:
            return False
        self._marked.add(node)
        if node.block.owner is not None:
            self._mark_node(node.block.owner)
        for value in node.inputs:
            self._enliven(value)
        return True

    def _has_effects(self, node: Node) -> bool:
        found = self._effects.get(node)
        if found is None:
            inside = [it for block in node.blocks for it in block.nodes]
            if inside:
                found = any(map(self._has_effects, inside))
            else:
                found = has_effects(node) or self._changes_unknown(node)
            self._effects[node] = found
        return found

    def _changes_unknown(self, node: Node) -> bool:
        if self._aliases is not None:
            return not self._wild.isdisjoint(self._aliases.writes(node))
        return node.kind == SET_ATTRIBUTE or (node.schema is not None and node.schema.mutable)

    def _sweep(self, block: Block) -> None:
        kept: list[Node] = []
        for node in reversed(block.nodes):
            _drop_dead_results(node)
            for inner in node.blocks:
                self._sweep(inner)
            if node in self._marked or node.used:
                kept.append(node)
            elif node.schema is not None and node.schema.mutable:
                raise UnsureError("it changes a value that nothing needs")
            else:
                node.detach()
        kept.reverse()
        block.nodes = kept


def _drop_dead_results(node: Node) -> None:
    if node.kind == IF:
        for index in reversed(range(len(node.outputs))):
            if not node.outputs[index].users:
                node.outputs.pop(index)
                for block in node.blocks:
                    block.result.drop(index)
    elif node.kind == LOOP:
        (body,) = node.blocks
        for index in reversed(range(len(node.outputs))):
            inside = body.parameter.outputs[index + 1]
            if not node.outputs[index].users and not inside.users:
                node.outputs.pop(index)
                node.drop(index + 2)
                body.parameter.outputs.pop(index + 1)
                body.result.drop(index + 1)
