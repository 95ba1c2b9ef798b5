"""`with torch.no_grad()` says nothing to a runtime without autograd: the blocks lose their head.

The block makes an object, enters and leaves it. Lite interpreters run neither instruction.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from builder.models.conversion.repairs.graphs import (
    Code,
    Graph,
    Node,
    constant_before,
    nodes_of,
    of_kind,
    replace,
    users_of,
)

_MODES: Final[Mapping[str, bool]] = {"no_grad": False, "enable_grad": True}
"""Classes of `torch.autograd.grad_mode`, and whether gradients are wanted inside of a block."""


def remove_grad_modes(code: Code) -> Counter[str]:
    """Remove what begins and ends such blocks; return which were removed, and how often."""
    found: Counter[str] = Counter()
    entered = [(node, mode) for node in of_kind(code.graph, "prim::Enter") if (mode := _mode(node))]
    for enter, mode in reversed(entered):  # the innermost block decides
        found[f"with torch.{mode}() removed"] += 1
        for node in list(_inside(enter)):
            if node.kind() == "aten::is_grad_enabled":
                replace(node, constant_before(node, code.graph, _MODES[mode]))
        _remove(enter, code.graph)
    return found


def _mode(enter: Node) -> str:
    """Return the name of the class whose block begins here; nothing for one of others."""
    _, _, name = enter.input().type().str().partition("torch.autograd.grad_mode.")
    return name.rpartition(".")[2] if name.rpartition(".")[2] in _MODES else ""


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
        for node in (*users, made):
            node.destroy()
