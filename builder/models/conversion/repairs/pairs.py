"""Dictionaries of pairs, as `OrderedDict([(key, value), …])`: made one pair after the other.

The operator asks the list for the types of its pairs, which lists in lite interpreters do not know.
"""

from collections import Counter
from typing import Final

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Graph,
    Node,
    Value,
    constant_before,
    insert_before,
    of_kind,
    overload_of,
    replace,
)

_KEYS: Final = frozenset({"str", "int", "bool", "float", "complex", "Tensor"})
"""The overloads of `aten::dict` that take pairs; others copy a dictionary, or make an empty one."""

_INT: Final = torch.IntType.get()


def fill_one_by_one(code: Code) -> Counter[str]:
    """Let a loop put pairs into dictionaries; return how often."""
    found: Counter[str] = Counter()
    for node in of_kind(code.graph, "aten::dict"):
        if overload_of(node) in _KEYS:
            replace(node, _filled(node, code.graph))
            found["dictionary of pairs filled one by one"] += 1
    return found


def _filled(node: Node, graph: Graph) -> Value:
    """Return a dictionary that is filled before a node which would make it at once."""
    pairs = node.input()
    pair = pairs.type().getElementType()
    types = pair.containedTypes()
    kind = torch.DictType(*types)
    made = insert_before(node, graph, "prim::DictConstruct", [], [kind]).output()
    count = insert_before(node, graph, "aten::len", [pairs], [_INT]).output()
    again = constant_before(node, graph, value=True)
    body = insert_before(node, graph, "prim::Loop", [count, again]).addBlock()
    body.registerOutput(again)
    index = body.addInputToBlock()
    index.setType(_INT)
    end = body.returnNode()
    item = insert_before(end, graph, "aten::__getitem__", [pairs, index], [pair])
    parts = insert_before(end, graph, "prim::TupleUnpack", [item.output()], types)
    insert_before(end, graph, "aten::_set_item", [made, *parts.outputs()])
    return made
