"""Numbers of a trace that became tensors: they are numbers again where TorchScript takes them so.

In eager mode a number takes no part in the promotion of dtypes: `x - 0.5` is float32 for integers.
A trace holds the number as a tensor of float64 without dimensions, which takes part. TorchScript
makes numbers of such constants before it runs anything, in four operators (`CanonicalizeOps` in
`torch/csrc/jit/passes/canonicalize_graph_fuser_ops.cpp`). Lite interpreters do not.
"""

from collections import Counter
from typing import Any, Final

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Node,
    constant_before,
    insert_before,
    of_kind,
    overload_of,
    replace,
)

_KINDS: Final = ("aten::add", "aten::sub", "aten::mul", "aten::div")


def make_numbers(code: Code) -> Counter[str]:
    """Let these operators take numbers for constants without dimensions; return how often."""
    found: Counter[str] = Counter()
    for node in of_kind(code.graph, *_KINDS):
        number = _number(node)
        if number is not None:
            first, _, *others = node.inputs()
            other = constant_before(node, code.graph, number)
            made = insert_before(
                node, code.graph, node.kind(), [first, other, *others], [node.output().type()]
            )
            found[f"a constant tensor of {made.kind()} became a number"] += 1
            replace(node, made.output())
    return found


def _number(node: Node) -> Any:  # noqa: ANN401  bool, int, float or complex
    """Return the second operand as a number; None unless it is a constant without dimensions."""
    if overload_of(node) != "Tensor":
        return None
    constant = list(node.inputs())[1].toIValue()
    return constant.item() if isinstance(constant, torch.Tensor) and not constant.dim() else None
