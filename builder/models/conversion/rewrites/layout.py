"""Where values are laid out with their channels last, as XNNPACK takes and gives them.

A convolution answers in the layout of its input. A region begins with a conversion before a
convolution, and ends with one before anything that is not known to work on both layouts alike: what
reads elements by their place in memory, nested blocks, and what leaves the method. Inside, nothing
is converted.

A value belongs to a region only if nothing writes to it in place: then copies of it are the same.
"""

from collections import Counter
from dataclasses import dataclass, field
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
    users_of,
)
from builder.models.conversion.rewrites.constants import constant_of, constants_of
from builder.models.prepacked.contexts import CONVOLUTION, TRANSPOSED
from builder.models.prepacked.operators import run_of

_TENSOR: Final = torch.TensorType.get()
_IN_ORDER: Final = 0  # torch.contiguous_format, as code has it
_CHANNELS_LAST: Final = 2

ENTRY: Final = "entry"
"""Marks the conversions where a region begins."""

_IN: Final = "a value gets its channels last"
_OUT: Final = "a value gets its channels first again"

PACKED: Final = frozenset({run_of(CONVOLUTION), run_of(TRANSPOSED)})
KEEPING: Final = frozenset({
    "aten::abs", "aten::adaptive_avg_pool2d", "aten::add", "aten::avg_pool2d",
    "aten::batch_norm", "aten::celu", "aten::clamp", "aten::clamp_max", "aten::clamp_min",
    "aten::div", "aten::elu", "aten::exp", "aten::gelu", "aten::hardsigmoid", "aten::hardswish",
    "aten::hardtanh", "aten::leaky_relu", "aten::log", "aten::max_pool2d", "aten::maximum",
    "aten::minimum", "aten::mish", "aten::mul", "aten::neg", "aten::pow", "aten::relu",
    "aten::relu6", "aten::rsub", "aten::selu", "aten::sigmoid", "aten::silu", "aten::softplus",
    "aten::sqrt", "aten::sub", "aten::tanh", "aten::upsample_bilinear2d",
    "aten::upsample_nearest2d",
})  # fmt: skip
"""Operators that answer in the layout of their inputs, if it is that of all of them."""

JOINING: Final = "aten::cat"
_READING: Final = frozenset({"aten::size", "aten::dim", "aten::numel", "prim::dtype"})
"""Operators that look at no element."""

_REDUCING: Final = frozenset({"aten::mean", "aten::sum", "aten::amax"})
"""Operators whose answers are in order whatever they are given, if they are given dimensions."""


@dataclass(slots=True)
class _Region:
    """The values of a block that have their channels last, and what they were converted to."""

    graph: Graph
    aliases: Any
    found: Counter[str]
    inside: set[int] = field(default_factory=set)
    entered: dict[int, Value] = field(default_factory=dict)
    left: dict[int, Value] = field(default_factory=dict)

    def holds(self, value: Value) -> bool:
        return value.unique() in self.inside


def lay_out(code: Code) -> Counter[str]:
    """Put conversions around the convolutions of a method; return how many of which kind."""
    found: Counter[str] = Counter()
    whole = code.graph.return_node().owningBlock()
    _lay_out(whole, code.graph, code.graph.alias_db(), found)
    return found


def _lay_out(block: Block, graph: Graph, aliases: Any, found: Counter[str]) -> None:  # noqa: ANN401
    region = _Region(graph, aliases, found)
    for node in list(block.nodes()):
        for inner in node.blocks():
            for user in [*nodes_of(inner), *_returns(inner)]:
                _leave(user, node, region)
            _lay_out(inner, graph, aliases, found)
        if node.kind() in PACKED:
            _enter(node, region)
        elif not _stays(node, region):
            _leave(node, node, region)
    end = block.returnNode()
    _leave(end, end, region)


def _returns(block: Block) -> list[Node]:
    """Return the nodes that end a block and those inside it."""
    inner = [it for node in nodes_of(block) for it in node.blocks()]
    return [it.returnNode() for it in (block, *inner)]


def _enter(node: Node, region: _Region) -> None:
    """Give a convolution its input with the channels last; its answer has them last, too."""
    given = node.inputsAt(0)
    if not region.holds(given):
        node.replaceInput(0, _converted_in(given, node, region))
    answer = node.output()
    if region.aliases.has_writers(answer):
        _leave_at_once(answer, node, region)
    else:
        region.inside.add(answer.unique())


def _converted_in(value: Value, node: Node, region: _Region) -> Value:
    changes = region.aliases.has_writers(value)
    known = None if changes else region.entered.get(value.unique())
    if known is None:
        known = _contiguous(value, node, region.graph, _CHANNELS_LAST)
        known.node().i_(ENTRY, 1)
        region.entered[value.unique()] = known
        region.found[_IN] += 1
    return known


def _stays(node: Node, region: _Region) -> bool:
    """Tell whether a node may take values of the region as they are, and note what it answers."""
    kind = node.kind()
    if kind in _READING or (kind in _REDUCING and _reduces(node)):
        return True
    if kind == "prim::ListConstruct":
        return all(map(region.holds, node.inputs())) and _is_joined(node, region)
    given = tensors_of(node)
    keeps = (kind in KEEPING or kind == JOINING) and node.outputsSize() == 1
    if not keeps or not given or not all(map(region.holds, given)):
        return False
    if region.aliases.has_writers(node.output()):
        return False
    region.inside.add(node.output().unique())
    return True


def _reduces(node: Node) -> bool:
    known = constants_of(node, (1,))
    return known is not None and isinstance(known[0], list) and bool(known[0])


def _is_joined(node: Node, region: _Region) -> bool:
    """Tell whether a list is made for one concatenation that belongs to the region."""
    users = users_of(node.output())
    return (
        node.inputsSize() > 0
        and [it.kind() for it in users] == [JOINING]
        and not region.aliases.has_writers(users[0].output())
    )


def tensors_of(node: Node) -> list[Value]:
    """Return the tensors whose layout decides that of an answer."""
    given = list(node.inputs())
    if node.kind() == "aten::batch_norm":
        return given[:1]
    if node.kind() == JOINING:
        made = given[0].node()
        return list(made.inputs()) if made.kind() == "prim::ListConstruct" else []
    return [it for it in given if it.type().isSubtypeOf(_TENSOR) and not _is_number(it)]


def _is_number(value: Value) -> bool:
    """Tell whether a value is a constant of one element, which has no layout."""
    known = constant_of(value)
    return isinstance(known, torch.Tensor) and known.numel() == 1


def _leave(user: Node, before: Node, region: _Region) -> None:
    """Let a node take values of the region in order, converted before some node at the latest."""
    for place, value in enumerate(list(user.inputs())):
        if region.holds(value):
            number = value.unique()
            if number not in region.left:
                region.left[number] = _contiguous(value, before, region.graph, _IN_ORDER)
                region.found[_OUT] += 1
            user.replaceInput(place, region.left[number])


def _leave_at_once(answer: Value, node: Node, region: _Region) -> None:
    """Convert an answer before anything sees it: what writes to it then writes to the copy."""
    wanted = constant_before(node, region.graph, _IN_ORDER)
    made = region.graph.create("aten::contiguous", [answer, wanted], 1).insertAfter(node)
    made.copyMetadata(node)
    made.output().setType(_TENSOR)
    answer.replaceAllUsesAfterNodeWith(made, made.output())
    region.found[_OUT] += 1


def _contiguous(value: Value, before: Node, graph: Graph, layout: int) -> Value:
    wanted = constant_before(before, graph, layout)
    return insert_before(before, graph, "aten::contiguous", [value, wanted], [_TENSOR]).output()
