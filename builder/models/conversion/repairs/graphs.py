"""Reaching, walking and changing graphs of TorchScript, for which torch has no types."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Graph = Any  # torch._C.Graph
Block = Any  # torch._C.Block; the operations that repairs need are those of a graph, too
Node = Any  # torch._C.Node
Value = Any  # torch._C.Value
Type = Any  # torch._C.JitType
Module = Any  # torch._C.ScriptModule


@dataclass(frozen=True, slots=True)
class Code:
    """A method of a module by its name, and its graph."""

    name: str
    graph: Graph
    module: Module


def codes_of(script: Any) -> list[Code]:  # noqa: ANN401  a torch.jit.ScriptModule
    """Return the methods that an app can call, not inlined: changing a graph changes the module."""
    owner = script._c  # noqa: SLF001
    names = owner._method_names()  # noqa: SLF001
    return [Code(name, owner._get_method(name).graph, owner) for name in names]  # noqa: SLF001


def inline(graph: Graph) -> None:
    """Put the code of all functions and methods in the place of their calls."""
    torch._C._jit_pass_inline(graph)  # noqa: SLF001


def finish(graph: Graph) -> None:
    """Remove what nothing takes any more; raise `RuntimeError` for a graph that is not sound."""
    torch._C._jit_pass_dce(graph)  # noqa: SLF001
    torch._C._jit_pass_lint(graph)  # noqa: SLF001


def nodes_of(block: Block) -> list[Node]:
    """Return every node in the order of the code; those of nested blocks follow their owner."""
    return list(_walk(block))


def _walk(block: Block) -> Iterator[Node]:
    pending = [iter(list(block.nodes()))]
    while pending:
        node = next(pending[-1], None)
        if node is None:
            pending.pop()
            continue
        yield node
        pending += [iter(list(it.nodes())) for it in reversed(list(node.blocks()))]


def of_kind(block: Block, *kinds: str) -> list[Node]:
    """Return the nodes of these kinds, nested ones included; those of one kind in order."""
    return [node for kind in kinds for node in block.findAllNodes(kind, recurse=True)]


def overload_of(node: Node) -> str:
    """Return the overload of the operator that a node calls.

    `Node.matches` would be simpler, but remembers what it is given by address: not for Python.
    """
    name = str(node.schema()).partition("(")[0]
    return name.partition(".")[2]


def users_of(value: Value) -> list[Node]:
    """Return the nodes that take a value, in no special order; one that takes it twice, twice."""
    return [use.user for use in value.uses()]


def known(value: Value, module: Module) -> Any:  # noqa: ANN401  constants are of any kind
    """Return a constant, the module, or what an attribute of it or of one inside holds; or None."""
    held = value.node().kind() in {"prim::Param", "prim::GetAttr"}
    return _held(value, module) if held else value.toIValue()


def values_of(graph: Graph) -> list[Value]:
    """Return every value of a graph: what is given to it, and what its nodes and blocks make."""
    inside = [node for node in nodes_of(graph) if node.kind() != "prim::Return"]
    blocks = [block for node in inside for block in node.blocks()]
    made = [value for it in (*inside, *blocks) for value in _made_by(it)]
    return [*graph.inputs(), *made]


def _made_by(it: Node | Block) -> list[Value]:
    """Return the outputs of a node, or what a block is given."""
    return list(it.inputs() if isinstance(it, torch._C.Block) else it.outputs())  # noqa: SLF001


def owner_of(value: Value, module: Module) -> Any:  # noqa: ANN401  a torch._C.ScriptModule
    """Return the module whose attribute a node reads; None if only a run tells."""
    return _held(value.node().input(), module)


def _held(value: Value, module: Module) -> Any:  # noqa: ANN401  so are attributes
    names: list[str] = []
    node = value.node()
    while node.kind() == "prim::GetAttr":
        names.append(node.s("name"))
        value = node.input()
        node = value.node()
    is_given = node.kind() == "prim::Param" and node.owningBlock().owningNode() is None
    if not is_given or value.offset() != 0:  # the first of what is given to a method is the module
        return None
    held = module
    for name in reversed(names):
        held = held.getattr(name)
    return held


def constant_before(node: Node, graph: Graph, value: object) -> Value:
    """Insert a constant before a node; return its value."""
    with graph.insert_point_guard(node):
        constant = graph.insertConstant(value)
    constant.node().copyMetadata(node)
    return constant


def insert_before(
    node: Node, graph: Graph, kind: str, inputs: Sequence[Value], types: Sequence[Type] = ()
) -> Node:
    """Insert a node with outputs of these types that comes from the same place of the source."""
    made = graph.create(kind, list(inputs), len(types)).insertBefore(node)
    made.copyMetadata(node)
    for output, it in zip(made.outputs(), types, strict=True):
        output.setType(it)
    return made


def replace(node: Node, value: Value) -> None:
    """Let all that took the only output of a node take another value; the node goes."""
    node.output().replaceAllUsesWith(value)
    node.destroy()
