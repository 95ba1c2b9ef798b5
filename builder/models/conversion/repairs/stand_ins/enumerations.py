"""Enumerations, as `self.format == Format.NCHW`: lite interpreters have none, so names stand in.

Two members of one enumeration are the same exactly if their names are. What a member is worth is
asked before a run, of a member that is known by then.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any, Final

import torch
from torch.jit._recursive import wrap_cpp_module

from builder.models.conversion.repairs.graphs import (
    Code,
    Graph,
    Node,
    Type,
    Value,
    codes_of,
    constant_before,
    inline,
    insert_before,
    nodes_of,
    of_kind,
    owner_of,
    replace,
    users_of,
    values_of,
)
from builder.models.conversion.repairs.stand_ins.retyping import parts_of, retyped

_KIND: Final = "EnumType"
_TEXT: Final = torch.StringType.get()
_BOOL: Final = torch.BoolType.get()
_ANY: Final = torch.AnyType.get()
_COMPARES: Final = frozenset({"aten::eq", "aten::ne"})
_WITH_NOTHING: Final = frozenset({"aten::__is__", "aten::__isnot__"})
_PASSES: Final = frozenset(
    {
        "prim::If", "prim::Loop", "prim::TupleConstruct", "prim::TupleIndex", "prim::TupleUnpack",
        "prim::Uninitialized", "prim::unchecked_cast", "aten::_unwrap_optional", "prim::EnumName",
    }
)  # fmt: skip
"""What hands a member on, and does the same to its name."""


def name_members(code: Code) -> Counter[str]:
    """Let names stand in for members of enumerations; return how many members went.

    A method in which one is kept, given or answered stays as it is.
    """
    members = [it for it in values_of(code.graph) if _holds_member(it.type())]
    if not members:
        return Counter()
    written = _written(code)
    if not all(_has_name(it, code, written) for it in members):
        return Counter()
    for node in nodes_of(code.graph):
        if node.kind() in _COMPARES and _is_member(node.inputsAt(0)):
            _compare_names(node, code)
        elif node.kind() == "prim::EnumValue":
            worth = _ask("prim::EnumValue", node.input(), code)
            replace(node, constant_before(node, code.graph, worth))
    found = sum(_name(it, code) for it in members)
    for node in of_kind(code.graph, "prim::EnumName"):
        replace(node, node.input())
    return Counter({"member of an enumeration became its name": found})


def refuse_members(code: Code) -> None:
    """Raise `ValueError` where a method still reads a member of an enumeration from a module.

    A lite interpreter would have what the member is worth in its place: an answer of another type.
    """
    for node in of_kind(code.graph, "prim::GetAttr"):
        if _holds_member(node.output().type()):
            message = (
                f"{code.name} reads {node.s('name')}, a member of an enumeration, and does not only"
                " compare it or ask for its name or value; lite interpreters have no enumerations:"
                " answer or print its name or value instead"
            )
            raise ValueError(message)


def _is_member(value: Value) -> bool:
    return bool(value.type().kind() == _KIND)


def _holds_member(type_: Type) -> bool:
    return any(it.kind() == _KIND for it in parts_of(type_))


def _written(code: Code) -> frozenset[str]:
    """Return the names of attributes that some method sets to a member."""
    graphs = [it.graph.copy() for it in codes_of(wrap_cpp_module(code.module))]  # type: ignore[no-untyped-call]
    for graph in graphs:
        inline(graph)
    setting = [node for graph in graphs for node in of_kind(graph, "prim::SetAttr")]
    return frozenset(it.s("name") for it in setting if _holds_member(it.inputsAt(1).type()))


def _has_name(value: Value, code: Code, written: Collection[str]) -> bool:
    """Whether a name can stand in for a value everywhere."""
    node = value.node()
    inside = node.owningBlock().owningNode() is not None
    made = _is_known(value, code, written) or node.kind() in _PASSES
    given_to_block = node.kind() == "prim::Param" and inside
    return (made or given_to_block) and all(
        _takes_name(user, code, written) for user in users_of(value)
    )


def _is_known(value: Value, code: Code, written: Collection[str]) -> bool:
    node = value.node()
    if not _is_member(value):
        return False
    if node.kind() == "prim::GetAttr":
        return node.s("name") not in written and owner_of(value, code.module) is not None
    return bool(node.kind() == "prim::Constant")


def _takes_name(user: Node, code: Code, written: Collection[str]) -> bool:
    kind, given = user.kind(), list(user.inputs())
    if kind == "prim::Return":
        return user.owningBlock().owningNode() is not None
    if kind in _COMPARES:
        return all(map(_is_member, given))
    if kind in _WITH_NOTHING:
        return any(it.type().kind() == "NoneType" for it in given)
    if kind == "prim::EnumValue":
        return _is_known(user.input(), code, written)
    return kind in _PASSES


def _compare_names(node: Node, code: Code) -> None:
    """Compare names; members of two enumerations are never the same."""
    one, other = node.inputs()
    if one.type() != other.type():
        answer = constant_before(node, code.graph, node.kind() == "aten::ne")
    else:
        answer = insert_before(node, code.graph, node.kind(), [one, other], [_BOOL]).output()
    replace(node, answer)


def _name(value: Value, code: Code) -> int:
    """Let a name stand in for a value; return 1 where a member went."""
    node = value.node()
    if node.kind() not in {"prim::Constant", "prim::GetAttr"}:
        value.setType(retyped(value.type(), _text))
        return 0
    name = _ask("prim::EnumName", value, code)
    replace(node, constant_before(node, code.graph, name))
    return 1


def _text(type_: Type) -> Type | None:
    return _TEXT if type_.kind() == _KIND else None


def _ask(kind: str, member: Value, code: Code) -> Any:  # noqa: ANN401  a name, or what it is worth
    """Return what a node of this kind answers of a constant, or of an attribute of a module.

    Torch gives Python no member of a class that it cannot import, so a function is run.
    """
    graph: Graph = torch._C.Graph()  # noqa: SLF001
    given = []
    node = member.node()
    if node.kind() == "prim::GetAttr":
        owner = owner_of(member, code.module)
        module = graph.addInput()
        module.setType(owner._type())  # noqa: SLF001
        made = graph.createClone(node, lambda _: module)
        given.append(wrap_cpp_module(owner))  # type: ignore[no-untyped-call]
    else:
        made = graph.createClone(node, lambda it: it)
    graph.insertNode(made)
    asked = graph.insertNode(graph.create(kind, [made.output()], 1)).output()
    asked.setType(_ANY)
    graph.registerOutput(asked)
    return torch._C._create_function_from_graph("asked", graph)(*given)  # noqa: SLF001
