"""Blocks that say nothing to a runtime, as `with torch.no_grad()`: they lose their head.

A runtime has neither autograd nor a profiler, and a CPU casts nothing that a GPU would. A block
makes an object, enters and leaves it; lite interpreters run neither instruction.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from builder.models.conversion.repairs.graphs import (
    Code,
    Graph,
    Node,
    constant_before,
    known,
    nodes_of,
    of_kind,
    replace,
    users_of,
)

_MODES: Final[Mapping[str, bool]] = {"no_grad": False, "enable_grad": True}
"""Classes of `torch.autograd.grad_mode`, and whether gradients are wanted inside of a block."""

_OURS: Final = re.compile(
    r"__torch__\.torch\.(?:autograd\.grad_mode|autograd\.profiler|(?:cuda\.|cpu\.)?(?:amp\.)?autocast_mode)"
    r"\.(?:___torch_mangle_\d+\.)?(\w+)"
)
"""Classes of blocks that torch has, and their names."""


def remove_blocks(code: Code) -> Counter[str]:
    """Remove what begins and ends such blocks; return which were removed, and how often."""
    found: Counter[str] = Counter()
    entered = [(it, name) for it in of_kind(code.graph, "prim::Enter") if (name := _name(it, code))]
    for enter, name in reversed(entered):  # the innermost block decides
        found[f"with torch.{name}() removed"] += 1
        for node in list(_inside(enter)):
            if name in _MODES and node.kind() == "aten::is_grad_enabled":
                replace(node, constant_before(node, code.graph, _MODES[name]))
        _remove(enter, code.graph)
    return found


def _name(enter: Node, code: Code) -> str:
    """Return the name of the class whose block begins here; nothing for one that matters."""
    match = _OURS.fullmatch(enter.input().type().str())
    name = match[1] if match else ""
    if name == "autocast":
        return name if _casts_nothing(enter, code) else ""
    return name if name in {*_MODES, "record_function"} else ""


def _casts_nothing(enter: Node, code: Code) -> bool:
    """Whether it is off, or for tensors on a GPU."""
    setting = [it for it in users_of(enter.input()) if it.kind() == "prim::SetAttr"]
    told = {it.s("name"): known(it.inputsAt(1), code.module) for it in setting}
    return told.get("device") == "cuda" or told.get("_enabled") is False


def _inside(enter: Node) -> Iterator[Node]:
    """Yield the nodes between the head of a block and its end, nested ones included."""
    after = False
    for node in list(enter.owningBlock().nodes()):
        if node.kind() == "prim::Exit" and node.input().unique() == enter.input().unique():
            return
        if after:
            yield node
            for block in node.blocks():
                yield from nodes_of(block)
        after = after or node == enter


def _remove(enter: Node, graph: Graph) -> None:
    """Remove the head, the end, and their object where nothing else takes it."""
    made = enter.input().node()
    leaving = [node for node in users_of(enter.input()) if node.kind() == "prim::Exit"]
    for node in (enter, *leaving):
        if node.hasUses():  # `as` gave it a name
            node.output().replaceAllUsesWith(constant_before(node, graph, None))
        node.destroy()
    users = users_of(made.output())
    if made.kind() == "prim::CreateObject" and all(it.kind() == "prim::SetAttr" for it in users):
        values = [it.inputsAt(1).node() for it in users]
        for node in (*users, made):
            node.destroy()
        for node in values:  # it asks which dtype is usual: torch keeps such questions
            if node.kind() == "prim::If" and not node.hasUses():
                node.destroy()
