"""Packed weights that a model came with: their operators become those that they pack.

Then a model that `optimize_for_mobile` made is rewritten as any other. Where nothing is to be
rewritten, its weights stay packed.
"""

from collections import Counter
from typing import Any

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Node,
    Value,
    constant_before,
    insert_before,
    of_kind,
    replace,
)
from builder.models.conversion.rewrites.constants import constant_of
from builder.models.conversion.rewrites.packing import ARGUMENTS, BATCHED, Packed
from builder.models.prepacked.contexts import CONTEXTS, LINEAR, Context
from builder.models.prepacked.operators import make_of, run_of

_TENSOR = torch.TensorType.get()


def unpack(code: Code) -> Counter[str]:
    """Let plain operators do what packed weights did; return how often."""
    found: Counter[str] = Counter()
    for context in CONTEXTS:
        for node in of_kind(code.graph, run_of(context)):
            state = _state(node, context, code)
            if state is not None:
                replace(node, _plain(node, context, state, code))
                found[f"prepacked::{context.run} became {context.plain}"] += 1
    return found


def keep(codes: list[Code]) -> Packed:
    """Let packed weights of frozen code be attributes, which can be saved; return them."""
    packed = Packed()
    for code in codes:
        for context in CONTEXTS:
            for node in of_kind(code.graph, run_of(context)):
                state = constant_of(node.inputsAt(1))
                if state is not None:
                    node.replaceInput(1, packed.attribute(node, code, context, state))
    return packed


def _state(node: Node, context: Context, code: Code) -> dict[str, Value] | None:
    """Return the members of a context as values; None where they are not known."""
    maker = node.inputsAt(1).node()
    if maker.kind() == make_of(context):
        return dict(zip(context.fields, maker.inputs(), strict=True))
    state: tuple[Any, ...] | None = constant_of(node.inputsAt(1))
    if state is None:
        return None
    values = [constant_before(node, code.graph, it) for it in state]
    return dict(zip(context.fields, values, strict=True))


def _plain(node: Node, context: Context, state: dict[str, Value], code: Code) -> Value:
    given = [node.inputsAt(0), *(state[name] for name in ARGUMENTS[context])]
    answer = insert_before(node, code.graph, context.plain, given, [_TENSOR]).output()
    if context is not LINEAR:
        answer.node().i_(BATCHED, 1)
    limits = [state["least"], state["most"]]
    if all(it.node().mustBeNone() for it in limits):
        return answer
    return insert_before(node, code.graph, "aten::clamp", [answer, *limits], [_TENSOR]).output()
