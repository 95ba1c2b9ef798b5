"""What conversion changes in a model besides, and tells of: such a model is left to it."""

from typing import Final

from builder.models.formats.pickle_values import Tensor
from builder.models.torchscript.graphs.nodes import Block, Value, all_nodes
from builder.models.torchscript.signatures.kinds import DEVICE, UnsureError
from builder.models.torchscript.signatures.literals import Opaque

_ARITHMETIC: Final = frozenset({"aten::add", "aten::sub", "aten::mul", "aten::div"})
_HERE: Final = ("cpu", "meta")


def refuse_repairs(graph: Block) -> None:
    """Raise `UnsureError` for a graph that names a device of another machine.

    So too for one that computes with a constant tensor without dimensions, which may be a number
    that a trace has kept.
    """
    for node in all_nodes(graph):
        texts = [it for it in node.inputs if it.type == DEVICE]
        if node.kind == "aten::device":
            texts += node.inputs[:1]
        if node.kind == "aten::cuda" or any(map(_elsewhere, texts)):
            raise UnsureError("it names a device")
        if node.kind in _ARITHMETIC and _number(node.inputs[1]):
            raise UnsureError("it computes with a tensor without dimensions")


def _number(value: Value) -> bool:
    literal = value.literal
    return (
        isinstance(literal, Opaque)
        and isinstance(literal.value, Tensor)
        and literal.value.dimensions == 0
    )


def _elsewhere(value: Value) -> bool:
    literal = value.literal.value if isinstance(value.literal, Opaque) else value.literal
    return isinstance(literal, str) and literal.partition(":")[0] not in _HERE
