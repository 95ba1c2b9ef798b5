"""`torch.jit.fork` and `wait` run inline: lite interpreters have no tasks.

The work is done where it begins, and a future becomes its value. Of every value that is a future,
or holds futures, only the type changes.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import torch

from builder.models.conversion.repairs.graphs import (
    Block,
    Code,
    Graph,
    Type,
    Value,
    inline,
    nodes_of,
    of_kind,
    replace,
)


def run_inline(code: Code) -> Counter[str]:
    """Do the work of every fork where it stands; return how often."""
    forks = of_kind(code.graph, "prim::fork")
    for node in forks:
        with code.graph.insert_point_guard(node):
            (result,) = code.graph.insertGraph(node.g("Subgraph"), list(node.inputs()))
        replace(node, result)
    if forks:
        inline(code.graph)  # what is called may fork, too: that is for the next time
        _unwrap(code.graph)
    return Counter({"fork and wait run inline": len(forks)} if forks else {})


def _unwrap(graph: Graph) -> None:
    """Let values stand where futures of them stood."""
    for value in _values(graph):
        if (kind := _without_futures(value.type())) is not None:
            value.setType(kind)
    for node in of_kind(graph, "aten::wait"):
        replace(node, node.input())


def _values(block: Block) -> list[Value]:
    """Return the values of a graph: those that nodes make, and those that blocks are given."""
    nodes = nodes_of(block)
    made = [value for node in nodes for value in node.outputs()]
    return made + [it for node in nodes for inner in node.blocks() for it in inner.inputs()]


_HOLDERS: Final[Mapping[str, Any]] = {
    "ListType": torch.ListType,
    "OptionalType": torch.OptionalType,
    "DictType": torch.DictType,
    "TupleType": lambda *parts: torch.TupleType(list(parts)),
}
"""Types that hold others, by what torch calls their kind, and how they are made of these."""


def _without_futures(kind: Type) -> Type | None:
    """Return a type with futures replaced by what they promise; None where there are none."""
    if kind.kind() == "FutureType":
        inner = kind.getElementType()
        return _without_futures(inner) or inner
    make = _HOLDERS.get(kind.kind())
    if make is None or "Future[" not in kind.annotation_str:
        return None
    return make(*(_without_futures(it) or it for it in kind.containedTypes()))
