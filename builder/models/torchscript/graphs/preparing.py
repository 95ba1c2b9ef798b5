"""What is done to a graph right before code is made of it.

Rules: `preprocess_graph.cpp` and `can_emit_inline.h` in `torch/csrc/jit/runtime/interpreter`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from builder.models.torchscript.graphs.nodes import DROP, Block, Node, Value, all_nodes
from builder.models.torchscript.signatures.kinds import Kind, UnsureError


def prepare(graph: Block) -> set[Node]:
    """Say where values are used last; return the nodes that are emitted where they are used.

    Raise `UnsureError` for a graph that conversion refuses.
    """
    _refuse_results(graph)
    _drop_unused(graph)
    _Uses(graph).insert()
    return _inline_nodes(graph)


def _refuse_results(graph: Block) -> None:
    for value in graph.result.inputs:
        if value.type.kind in (Kind.LIST, Kind.DICT) and any(
            part.kind is Kind.CLASS for part in value.type.parts
        ):
            raise UnsureError("it returns a list or dictionary of objects")


def _blocks(graph: Block) -> Iterator[Block]:
    yield graph
    for node in all_nodes(graph):
        yield from node.blocks


def _drop_unused(graph: Block) -> None:
    """Drop results that nothing uses, right after they are there."""
    for block in list(_blocks(graph)):
        nodes: list[Node] = []
        for node in (block.parameter, *block.nodes):
            if node is not block.parameter:
                nodes.append(node)
            unused = [it for it in node.outputs if not it.users]
            if unused:
                nodes.append(_drop(block, unused))
        block.nodes = nodes


def _drop(block: Block, values: Sequence[Value]) -> Node:
    node = Node(DROP, block)
    for value in values:
        node.take(value)
    return node


class _Uses:
    """Gives each value a last use in the block where it is made."""

    def __init__(self, graph: Block) -> None:
        self._graph = graph
        self._seen: set[Value] = set()
        self._drops: dict[Node, list[Value]] = {}

    def insert(self) -> None:
        self._block(self._graph)
        for block in list(_blocks(self._graph)):
            nodes: list[Node] = []
            for node in block.nodes:
                nodes.append(node)
                if node in self._drops:
                    nodes.append(_drop(block, self._drops[node]))
            block.nodes = nodes

    def _block(self, block: Block) -> None:
        self._node(block.result)
        for node in reversed(block.nodes):
            self._node(node)

    def _node(self, node: Node) -> None:
        for block in node.blocks:
            self._block(block)
        for value in reversed(node.inputs):
            self._use(node, value)

    def _use(self, node: Node, value: Value) -> None:
        if value in self._seen:
            return
        self._seen.add(value)
        owner = value.home if value.node is None else value.node.block
        if owner is None:
            return
        same: Node | None = node
        while same is not None and same.block is not owner:
            same = same.block.owner
        if same is None:
            raise UnsureError("it uses a value outside of its block")
        if same is not node:
            # a constant needs no drop, yet torch makes a node that drops nothing
            dropped = self._drops.setdefault(same, [])
            if not value.constant:
                dropped.append(value)


@dataclass(slots=True)
class _Scan:
    """A node whose inputs are compared with the nodes before it, the last first."""

    node: Node
    before: Node | None
    inputs: Iterator[Value]


def _inline_nodes(graph: Block) -> set[Node]:
    """Return the nodes that are emitted where their result is used."""
    found: set[Node] = set()
    for block in reversed(list(_blocks(graph))):
        _scan_block(block, found)
    return found


def _scan_block(block: Block, found: set[Node]) -> None:
    order = [block.result, *reversed(block.nodes)]
    previous = dict(zip(order, [*order[1:], None], strict=True))
    for node in order:
        if node in found:
            continue
        stack = [_Scan(node, previous[node], reversed(node.inputs))]
        while stack:
            scan = stack[-1]
            value = next(scan.inputs, None)
            if value is None:
                stack.pop()
                if stack:
                    found.add(scan.node)
                    stack[-1].before = scan.before
            elif value.node is scan.before and scan.before is not None and _single(value):
                made = scan.before
                stack.append(_Scan(made, previous[made], reversed(made.inputs)))


def _single(value: Value) -> bool:
    return value.uses == 1 and value.node is not None and len(value.node.outputs) == 1
