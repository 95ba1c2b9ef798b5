"""Operators that take graphs, as the control flow of TorchScript."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch.fx import GraphModule, Node

from builder.models.exported.problems import Problem
from builder.models.exported.writing.refused import Refused
from builder.models.exported.writing.statements import Body, Inner


def _graph(body: Body, node: Any) -> GraphModule:  # noqa: ANN401  an argument of a node
    found = body.graph.get_submodule(str(node.target))
    if not isinstance(found, GraphModule):
        raise Refused(Problem(f"{node.target} is no graph"))
    return found


def _tuple(texts: Sequence[str]) -> str:
    return f"({''.join(f'{it}, ' for it in texts)})"


def _condition(text: str, value: object) -> str:
    """Return a condition as a truth value: a tensor of one element is none by itself."""
    return f"bool({text})" if isinstance(value, torch.Tensor) else text


def _cond(body: Body, node: Node) -> None:
    args: Any = node.args
    condition, yes, no = args[:3]
    inputs = [body.text(it) for it in (args[3] if len(args) > 3 else ())]  # noqa: PLR2004
    known = condition.meta["val"] if isinstance(condition, Node) else condition
    result = body.name(node.name)
    for word, graph in ((f"if {_condition(body.text(condition), known)}", yes), ("else", no)):
        body.line(f"{word}:")
        inner = body.within(_graph(body, graph), result)
        inner.line(f"{result} = {_tuple(inner.run(inputs))}")
    body.bind(node, result)


def _while_loop(body: Body, node: Node) -> None:
    args: Any = node.args
    test, step, carried, more = args
    names = [body.name(f"{node.name}_{place}") for place in range(len(carried))]
    for name, it in zip(names, carried, strict=True):
        body.line(f"{name} = {_copied(body.text(it), it)}")
    inputs = [*names, *(body.text(it) for it in more)]
    going = body.name(f"{node.name}_going")
    _test(body, _graph(body, test), inputs, going)
    body.line(f"while {going}:")
    inner = body.within(_graph(body, step), going)
    outputs = inner.run(inputs)
    fresh = [inner.name(f"{name}_next") for name in names]
    for name, it in zip(fresh, outputs, strict=True):  # all are made before the first changes
        inner.line(f"{name} = {it}")
    for name, it in zip(names, fresh, strict=True):
        inner.line(f"{name} = {it}")
    _test(inner, _graph(body, test), inputs, going)
    body.bind(node, _tuple(names))


def _copied(text: str, value: object) -> str:
    """Return a loop's first value: a plain name, which a literal number has to become."""
    known = value.meta.get("val") if isinstance(value, Node) else value
    return f"int({text})" if isinstance(known, int | torch.SymInt) else text


def _test(body: Body, graph: GraphModule, inputs: Sequence[str], going: str) -> None:
    """Write the test of a loop at the level of `body`."""
    inner = body.beside(graph, f"{going}_test")
    (answer,) = inner.run(inputs)
    body.line(f"{going} = bool({answer})")


def _plainly(body: Body, node: Node, graph: Any, inputs: Sequence[Any]) -> None:  # noqa: ANN401
    """Write the graph in place of the call."""
    inner = body.beside(_graph(body, graph), node.name)
    outputs = inner.run([body.text(it) for it in inputs])
    body.bind(node, _tuple(outputs))


def _with_gradients(body: Body, node: Node) -> None:
    """Inference needs no gradients: whether they are on makes no difference."""
    _, graph, *inputs = node.args
    _plainly(body, node, graph, inputs)


def _with_autocast(body: Body, node: Node) -> None:
    device, _, enabled, _, graph, *inputs = node.args
    if enabled and device == "cpu":
        raise Refused(
            Problem("it computes in lower precision (torch.autocast), which no runtime does"),
            hint="export it without torch.autocast, or with the casts written out",
        )
    _plainly(body, node, graph, inputs)


INNER: Final[Mapping[str, Inner]] = {
    "cond": _cond,
    "while_loop": _while_loop,
    "wrap_with_set_grad_enabled": _with_gradients,
    "wrap_with_autocast": _with_autocast,
}
"""Each operator that takes graphs, and what writes it."""
