"""What frozen code does not need: dropout, writes in place to what only it sees, old spellings."""

from collections import Counter
from typing import Any, Final

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Node,
    constant_before,
    insert_before,
    of_kind,
    replace,
)
from builder.models.conversion.rewrites.constants import constant_of, constants_of

_DROPOUTS: Final = ("aten::dropout", "aten::dropout_", "aten::feature_dropout")
_PLANE: Final = 2  # dimensions that a convolution of images slides along


def clean(code: Code) -> Counter[str]:
    """Remove what does nothing, and make what is left easier to tell; return what went."""
    found: Counter[str] = Counter()
    for node in of_kind(code.graph, *_DROPOUTS):
        if constant_of(node.inputsAt(2)) is False:
            replace(node, node.inputsAt(0))
            found["dropout removed"] += 1
    torch._C._jit_pass_remove_mutation(code.graph)  # noqa: SLF001
    torch._C._jit_pass_fuse_linear(code.graph)  # type: ignore[attr-defined]  # noqa: SLF001
    for node in of_kind(code.graph, "aten::_convolution"):
        _spell_out(node, code)
    for node in of_kind(code.graph, "aten::conv2d"):
        _pad_by_numbers(node, code)
    torch._C._jit_pass_dce(code.graph)  # noqa: SLF001
    return found


def _spell_out(node: Node, code: Code) -> None:
    """Let a convolution of an old trace say which one it is, if it is one of images."""
    x, weight, bias, stride, padding, dilation, _, output_padding, groups, *_ = node.inputs()
    known = constants_of(node, (3, 6))
    if known is None or len(known[0]) != _PLANE:
        return
    kind, given = "aten::conv2d", [x, weight, bias, stride, padding, dilation, groups]
    if known[1]:
        kind = "aten::conv_transpose2d"
        given = [x, weight, bias, stride, padding, output_padding, groups, dilation]
    made = insert_before(node, code.graph, kind, given, [node.output().type()])
    replace(node, made.output())


def _pad_by_numbers(node: Node, code: Code) -> None:
    """Let a convolution that pads by a word pad by numbers, where both sides get the same."""
    known = constants_of(node, (1, 3, 4, 5))
    if known is None or not isinstance(known[2], str) or not isinstance(known[0], torch.Tensor):
        return
    padding = _padding(*known)
    if padding is not None:
        inputs = list(node.inputs())
        inputs[4] = constant_before(node, code.graph, padding)
        kinds = [node.output().type()]
        made = insert_before(node, code.graph, "aten::conv2d", inputs, kinds)
        replace(node, made.output())


def _padding(weight: torch.Tensor, stride: Any, word: str, dilation: Any) -> list[int] | None:  # noqa: ANN401
    """Return how much a word pads; None where it is not the same on both sides."""
    if word == "valid":
        return [0, 0]
    steps = [dilation[place % len(dilation)] for place in range(_PLANE)]
    total = [step * (size - 1) for step, size in zip(steps, weight.shape[2:], strict=True)]
    even = all(it % 2 == 0 for it in total) and all(it == 1 for it in stride)
    return [it // 2 for it in total] if word == "same" and even else None
