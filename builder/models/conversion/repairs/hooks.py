"""Hooks of the module itself: they run inside of `forward`, which is all that an app calls.

A call of a scripted module runs them around `forward`. Torch saves none in a lite model, and says
nothing. Those of modules inside are part of the code that calls these.
"""

from collections import Counter
from typing import Any

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Graph,
    Node,
    Value,
    inline,
    insert_before,
)


def run_hooks(code: Code) -> Counter[str]:
    """Put the code of hooks before and after that of `forward`; return how many there were.

    It must not be done twice. Raise `ValueError` for a hook that answers only sometimes.
    """
    if code.name != "forward":
        return Counter()
    before = code.module._get_forward_pre_hooks()  # noqa: SLF001
    after = code.module._get_forward_hooks()  # noqa: SLF001
    if not before and not after:
        return Counter()
    given = _run_before(code, before)
    _run_after(code, after, given)
    return Counter({"hook of the model became part of forward": len(before) + len(after)})


def _run_before(code: Code, hooks: list[Any]) -> list[Value]:
    """Give `forward` what hooks make of its arguments; return these."""
    graph = code.graph
    module, *rest = graph.inputs()
    arguments: list[Value] = rest
    code_of_forward = list(graph.nodes())
    first = code_of_forward[0] if code_of_forward else graph.return_node()
    given = arguments
    for hook in hooks:
        answer = _put(hook, first, graph, [module, _tuple(given, first, graph)])
        if answer.type().kind() == "TupleType":
            kinds = answer.type().elements()
            given = list(
                insert_before(first, graph, "prim::TupleUnpack", [answer], kinds).outputs()
            )
        elif answer.type().kind() != "NoneType":
            given = [answer]
    for argument, value in zip(arguments, given, strict=True):
        _give(argument, value, (*code_of_forward, graph.return_node()))
    return given


def _run_after(code: Code, hooks: list[Any], given: list[Value]) -> None:
    """Answer what hooks make of the answer of `forward`."""
    graph, end = code.graph, code.graph.return_node()
    module = next(iter(graph.inputs()))
    for hook in hooks:
        result = next(iter(graph.outputs()))
        answer = _put(hook, end, graph, [module, _tuple(given, end, graph), result])
        if answer.type().kind() != "NoneType":
            end.replaceInput(0, answer)


def _give(argument: Value, value: Value, users: tuple[Node, ...]) -> None:
    """Let nodes, and those inside of them, take a value in the place of an argument."""
    for node in users:
        for place, it in enumerate(list(node.inputs())):
            if it.unique() == argument.unique():
                node.replaceInput(place, value)
        for block in node.blocks():
            _give(argument, value, (*block.nodes(), block.returnNode()))


def _tuple(values: list[Value], node: Node, graph: Graph) -> Value:
    kind = torch.TupleType([it.type() for it in values])
    return insert_before(node, graph, "prim::TupleConstruct", values, [kind]).output()


def _put(hook: Any, node: Node, graph: Graph, given: list[Value]) -> Value:  # noqa: ANN401  a ScriptFunction
    """Put the code of a hook before a node; return what it answers."""
    body = hook.graph.copy()
    inline(body)
    with graph.insert_point_guard(node):
        (answer,) = graph.insertGraph(body, given)
    if answer.type().kind() == "OptionalType":
        message = f"its hook {hook.name} answers only sometimes; lite interpreters run no hooks"
        raise ValueError(message)
    return answer
