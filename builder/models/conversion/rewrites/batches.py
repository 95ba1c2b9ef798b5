"""Images without a batch: plain convolutions take them, packed ones do not.

Where there must be a batch, code that asks how many dimensions there are is told. `nn` modules ask
to raise an error, and a runtime that never hears the answer needs neither the question nor that.

A packed convolution asks how many dimensions its input has, and adds a batch of one for the time
being. It need not ask where there must be four: where a batch norm was folded into a convolution,
which was packed already, or where something asks for the last of four dimensions.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import torch

from builder.models.conversion.repairs.graphs import (
    Block,
    Code,
    Graph,
    Node,
    Value,
    constant_before,
    insert_before,
    nodes_of,
    of_kind,
    replace,
)
from builder.models.conversion.rewrites.constants import constants_of
from builder.models.conversion.rewrites.layout import ENTRY, JOINING, KEEPING, PACKED, tensors_of
from builder.models.conversion.rewrites.packing import BATCHED

_TENSOR: Final = torch.TensorType.get()
_INT: Final = torch.IntType.get()
_BOOL: Final = torch.BoolType.get()
_WHOLE: Final = 4  # dimensions of images in a batch
_SAME: Final = KEEPING | PACKED | {JOINING, "aten::contiguous"}
"""Operators that answer with as many dimensions as they are given."""

_OF_FOUR: Final = frozenset({"aten::upsample_bilinear2d", "aten::upsample_nearest2d"})
_ASKING: Final = frozenset({"aten::mean", "aten::sum", "aten::amax", "aten::size"})


def tell_dimensions(code: Code) -> Counter[str]:
    """Answer how many dimensions a value has where that is sure; return how often.

    Branches that are never taken then go.
    """
    graph = code.graph
    aliases = graph.alias_db()
    whole = _whole_values(graph, aliases)
    sure = [it for it in of_kind(graph, "aten::dim", "aten::len") if _asked(it, aliases) in whole]
    for node in sure:
        replace(node, constant_before(node, graph, _WHOLE))
    if not sure:
        return Counter()
    torch._C._jit_pass_constant_propagation(graph)  # noqa: SLF001
    return Counter({"a number of dimensions is known": len(sure)})


def _whole_values(graph: Graph, aliases: Any) -> set[int]:  # noqa: ANN401  an AliasDb
    """Return the values that have four dimensions whatever the method is given, and keep them."""
    whole: set[int] = set()
    for node in nodes_of(graph):
        if node.outputsSize() != 1 or aliases.has_writers(node.output()):
            continue
        if _answers_whole(node, whole):
            whole.add(node.output().unique())
    return whole


def _answers_whole(node: Node, whole: set[int]) -> bool:
    if node.kind() in PACKED and node.hasAttribute(BATCHED):
        return True
    given = [node.inputsAt(0)] if node.kind() in PACKED else tensors_of(node)
    return node.kind() in _SAME and bool(given) and all(it.unique() in whole for it in given)


def _asked(node: Node, aliases: Any) -> int | None:  # noqa: ANN401  an AliasDb
    """Return the value whose dimensions a node counts: it itself, or the list of its sizes."""
    given = node.inputsAt(0)
    if node.kind() == "aten::dim":
        return int(given.unique())
    sizes = given.node()
    if sizes.kind() != "aten::size" or sizes.inputsSize() != 1 or aliases.has_writers(given):
        return None
    return int(sizes.inputsAt(0).unique())


def take_images(code: Code) -> Counter[str]:
    """Let packed convolutions take images without a batch; return how many have to ask."""
    graph = code.graph
    known = _Ranks(graph)
    asking = 0
    for node in nodes_of(graph):
        marks = [it for it in (BATCHED, ENTRY) if node.hasAttribute(it)]
        for mark in marks:
            node.removeAttribute(mark)
        if known.are_four(node.inputsAt(0)) if node.inputsSize() else True:
            continue
        if node.kind() in PACKED:
            _ask(node, graph)
            asking += 1
        elif ENTRY in marks:
            _convert_if_whole(node, graph)
    return Counter({"a convolution takes images without a batch, too": asking} if asking else {})


class _Ranks:
    """Values that have equally many dimensions, in groups; and the groups that have four."""

    def __init__(self, graph: Graph) -> None:
        self._groups: dict[int, int] = {}
        nodes = nodes_of(graph)
        for node in nodes:
            if node.kind() in _SAME and node.outputsSize() == 1:
                for it in tensors_of(node):
                    self._groups[self._group(it)] = self._group(node.output())
        self._four = {self._group(it) for node in nodes for it in _of_four(node)}

    def are_four(self, value: Value) -> bool:
        return self._group(value) in self._four

    def _group(self, value: Value) -> int:
        number = int(value.unique())
        while self._groups.get(number, number) != number:
            number = self._groups[number]
        return number


def _of_four(node: Node) -> Iterator[Value]:
    """Yield what a node takes only if it has four dimensions."""
    if node.hasAttribute(BATCHED) or node.kind() in _OF_FOUR or _asks_for_last(node):
        yield node.inputsAt(0)


def _asks_for_last(node: Node) -> bool:
    if node.kind() not in _ASKING or node.inputsSize() == 1:
        return False
    known = constants_of(node, (1,))
    places = (known or [None])[0]
    places = places if isinstance(places, list) else [places]
    last = _WHOLE - 1
    return any(isinstance(it, int) and it in (last, -_WHOLE) for it in places)


def _ask(node: Node, graph: Graph) -> None:
    """Let a convolution add a batch where there is none, and take it away from its answer."""
    branch, whole, single = _branch(node, graph)
    given, context = node.inputs()
    inside = whole.returnNode()
    answer = insert_before(inside, graph, node.kind(), [given, context], [_TENSOR]).output()
    whole.registerOutput(answer)
    inside = single.returnNode()
    first = constant_before(inside, graph, 0)
    batch = insert_before(inside, graph, "aten::unsqueeze", [given, first], [_TENSOR]).output()
    answer = insert_before(inside, graph, node.kind(), [batch, context], [_TENSOR]).output()
    image = insert_before(inside, graph, "aten::squeeze", [answer, first], [_TENSOR]).output()
    single.registerOutput(image)
    replace(node, branch.output())


def _convert_if_whole(node: Node, graph: Graph) -> None:
    """Let a conversion leave alone what has no batch: its layout has a name for four dimensions."""
    branch, whole, single = _branch(node, graph)
    inputs = list(node.inputs())
    made = insert_before(whole.returnNode(), graph, node.kind(), inputs, [_TENSOR]).output()
    whole.registerOutput(made)
    single.registerOutput(inputs[0])
    replace(node, branch.output())


def _branch(node: Node, graph: Graph) -> tuple[Node, Block, Block]:
    """Return a branch before a node, for inputs with four dimensions and for others."""
    rank = insert_before(node, graph, "aten::dim", [node.inputsAt(0)], [_INT]).output()
    wanted = constant_before(node, graph, _WHOLE)
    is_whole = insert_before(node, graph, "aten::eq", [rank, wanted], [_BOOL]).output()
    branch = insert_before(node, graph, "prim::If", [is_whole], [_TENSOR])
    return branch, branch.addBlock(), branch.addBlock()
