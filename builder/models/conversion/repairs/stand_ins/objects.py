"""Objects of scripted classes, as detectors have for boxes: lists of their attributes stand in.

Lite interpreters make no objects of such classes. A list is to its users what an object was:
whoever holds it sees what another one writes. Methods are inlined before.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Graph,
    Node,
    Type,
    Value,
    constant_before,
    insert_before,
    nodes_of,
    of_kind,
    replace,
    values_of,
)
from builder.models.conversion.repairs.stand_ins.retyping import parts_of, retyped

_SCRIPTED: Final = "__torch__."
_OF_TORCH: Final = "__torch__.torch."
_ANY: Final = torch.AnyType.get()
_LIST: Final = torch.ListType(_ANY)
_ATTRIBUTES: Final = frozenset({"prim::GetAttr", "prim::SetAttr"})
_ASK_CLASS: Final = frozenset(
    {
        "prim::CallMethod", "prim::Enter", "prim::Exit", "prim::Print", "prim::id",
        "prim::isinstance", "aten::format", "aten::hash", "aten::percentFormat", "aten::save",
        "aten::sort", "aten::sorted", "aten::str",
    }
)  # fmt: skip
"""What calls a method of the class, as sorting does, or tells what the object is.

All other methods, as `__eq__`, are calls in a graph already, and were inlined.
"""


def list_attributes(code: Code) -> Counter[str]:
    """Let lists stand in for objects that a method makes; return of which classes, and how many.

    A method that is given or answers one, or has one in a module, stays as it is.
    """
    made = of_kind(code.graph, "prim::CreateObject")
    classes = {it.output().type().annotation_str for it in made}
    if not classes or any(map(_is_of_torch, classes)) or not _may_be_lists(code.graph, classes):
        return Counter()
    found = Counter(_told(it.output().type()) for it in made)
    places = _places(code.graph, classes)
    for node in [it for it in nodes_of(code.graph) if _is_attribute(it, classes)]:
        _use_list(node, places[_owner(node)][node.s("name")], code.graph)
    for node in made:
        _make_list(node, len(places.get(node.output().type().annotation_str, ())), code.graph)
    for value in values_of(code.graph):
        if _holds(value, classes):
            value.setType(retyped(value.type(), lambda it: _list(it, classes)))
    return found


def _is_of_torch(name: str) -> bool:
    return name.startswith(_OF_TORCH) or not name.startswith(_SCRIPTED)


def _told(type_: Type) -> str:
    return f"object of class {type_.annotation_str.removeprefix(_SCRIPTED)} became a list"


def _list(type_: Type, classes: Collection[str]) -> Type | None:
    return _LIST if type_.annotation_str in classes else None


def _holds(value: Value, classes: Collection[str]) -> bool:
    return any(it.annotation_str in classes for it in parts_of(value.type()))


def _owner(node: Node) -> str:
    """Return the class whose attribute a node reads or writes."""
    return str(node.inputsAt(0).type().annotation_str)


def _is_attribute(node: Node, classes: Collection[str]) -> bool:
    return node.kind() in _ATTRIBUTES and _owner(node) in classes


def _may_be_lists(graph: Graph, classes: Collection[str]) -> bool:
    """Whether objects stay in a method, and nothing in it asks for their class."""
    signature = (*graph.inputs(), *graph.outputs())
    return not any(_holds(it, classes) for it in signature) and not any(
        _is_strange(node, classes) for node in nodes_of(graph)
    )


def _is_strange(node: Node, classes: Collection[str]) -> bool:
    """Whether a node takes objects to modules, from modules, or as what they are."""
    given = [it for it in (*node.inputs(), *node.outputs()) if _holds(it, classes)]
    if node.kind() in _ATTRIBUTES:
        return bool(given) and _owner(node) not in classes
    return bool(given) and node.kind() in _ASK_CLASS


def _places(graph: Graph, classes: Collection[str]) -> Mapping[str, Mapping[str, int]]:
    """Return which place of its list each attribute of a class has."""
    using = [it for it in nodes_of(graph) if _is_attribute(it, classes)]
    places: dict[str, dict[str, int]] = {}
    for owner, name in sorted({(_owner(it), it.s("name")) for it in using}):
        within = places.setdefault(owner, {})
        within[name] = len(within)
    return places


def _make_list(node: Node, length: int, graph: Graph) -> None:
    nothing = constant_before(node, graph, None)
    made = insert_before(node, graph, "prim::ListConstruct", [nothing] * length, [_LIST])
    replace(node, made.output())


def _use_list(node: Node, place: int, graph: Graph) -> None:
    """Read or write a place of a list where an attribute was read or written."""
    index = constant_before(node, graph, place)
    owner = node.inputsAt(0)
    if node.kind() == "prim::SetAttr":
        written = node.inputsAt(1)
        anything = insert_before(node, graph, "prim::unchecked_cast", [written], [_ANY]).output()
        insert_before(node, graph, "aten::_set_item", [owner, index, anything], [_LIST])
        node.destroy()
        return
    item = insert_before(node, graph, "aten::__getitem__", [owner, index], [_ANY]).output()
    kinds = [node.output().type()]
    replace(node, insert_before(node, graph, "prim::unchecked_cast", [item], kinds).output())
