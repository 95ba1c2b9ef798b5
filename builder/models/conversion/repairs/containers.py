"""Modules that are chosen by index while a model runs: each is called in a branch of its own.

`module_list[index]` is one of several modules that share an interface. Only the index tells which:
the code of all of them takes the place of the call.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Graph,
    Module,
    Node,
    Value,
    constant_before,
    inline,
    insert_before,
    known,
    of_kind,
    replace,
    users_of,
)

_MOST: Final = 200  # members; each is a level of branches
_BOOL: Final = torch.BoolType.get()


@dataclass(frozen=True, slots=True)
class _Choice:
    """A call of a method of one of the members of a container."""

    graph: Graph
    container: Value
    index: Value
    call: Node


_Member = tuple[str | int, Module]
"""A module and its index."""


def branch_by_index(code: Code) -> Counter[str]:
    """Let branches call the members of containers that are chosen by index; return how often."""
    found = 0
    for node in of_kind(code.graph, "prim::ModuleContainerIndex"):
        container, index = node.inputs()
        members = _members(known(container, code.module), index)
        calls = users_of(node.output())
        if 0 < len(members) <= _MOST and all(it.kind() == "prim::CallMethod" for it in calls):
            for call in calls:
                choice = _Choice(code.graph, container, index, call)
                replace(call, _branches(call, choice, members))
            node.destroy()
            found += len(calls)
    if found:
        inline(code.graph)
    return Counter({"call of a module chosen by index branches": found} if found else {})


def _members(container: Module | None, index: Value) -> list[_Member]:
    """Return the modules that an index can choose: numbers stand for their digits, as a name."""
    items = [] if container is None else torch._C.ModuleDict(container).items()  # noqa: SLF001
    if index.type().kind() == "StringType":
        return list(items)
    return [(int(name), module) for name, module in items if name.isdecimal()]


def _branches(before: Node, choice: _Choice, members: list[_Member]) -> Value:
    """Return the result of the member that is chosen, and raise where there is none."""
    graph, kind = choice.graph, choice.call.output().type()
    if not members:
        text = constant_before(before, graph, "there is no module of this index")
        error = constant_before(before, graph, "builtins.IndexError")
        insert_before(before, graph, "prim::RaiseException", [text, error])
        return insert_before(before, graph, "prim::Uninitialized", [], [kind]).output()
    (index, module), *others = members
    wanted = constant_before(before, graph, index)
    is_it = insert_before(before, graph, "aten::eq", [choice.index, wanted], [_BOOL]).output()
    branch = insert_before(before, graph, "prim::If", [is_it], [kind])
    chosen, other = branch.addBlock(), branch.addBlock()
    chosen.registerOutput(_result(chosen.returnNode(), choice, str(index), module))
    other.registerOutput(_branches(other.returnNode(), choice, others))
    return branch.output()


def _result(before: Node, choice: _Choice, name: str, module: Module) -> Value:
    """Return what the method of a member returns."""
    graph, call = choice.graph, choice.call
    kind = module._type()  # noqa: SLF001
    member = insert_before(before, graph, "prim::GetAttr", [choice.container], [kind])
    member.s_("name", name)
    given = [member.output(), *list(call.inputs())[1:]]
    made = insert_before(before, graph, "prim::CallMethod", given, [call.output().type()])
    made.s_("name", call.s("name"))
    return made.output()
