"""Batch norm after a convolution: its factors and offsets become part of weight and bias.

The new weights are computed in double precision. A pair whose answers change by more than rounding
does, on numbers made for it, stays as it is.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import torch

from builder.models.conversion.repairs.graphs import (
    Code,
    Node,
    constant_before,
    of_kind,
    replace,
    users_of,
)
from builder.models.conversion.rewrites.constants import constants_of
from builder.models.conversion.rewrites.packing import BATCHED

_CONVOLUTIONS: Final = frozenset({"aten::conv1d", "aten::conv2d", "aten::conv3d"})
_TRANSPOSED: Final = frozenset(
    {"aten::conv_transpose1d", "aten::conv_transpose2d", "aten::conv_transpose3d"}
)
_OF_IMAGES: Final = frozenset({"aten::conv2d", "aten::conv_transpose2d"})
_RELATIVE: Final = 1e-5  # of the largest answer
_SEED: Final = 20_26
_SIZE: Final = 5  # of the input that a pair is tried on, beside what the convolution reaches over


@dataclass(frozen=True, slots=True)
class _Pair:
    """A convolution and the batch norm after it; `settings` are the numbers of the former.

    `scale` and `shift` are what the latter does to a channel, in double precision.
    """

    convolution: Node
    weight: torch.Tensor
    bias: torch.Tensor | None
    settings: list[Any]
    scale: torch.Tensor
    shift: torch.Tensor

    @property
    def transposed(self) -> bool:
        return self.convolution.kind() in _TRANSPOSED

    @property
    def groups(self) -> int:
        """How many groups: their number comes before the dilation of a transposed convolution."""
        return int(self.settings[3])


def fold(code: Code) -> Counter[str]:
    """Fold every batch norm that follows a convolution alone; return how many."""
    count = 0
    for norm in of_kind(code.graph, "aten::batch_norm"):
        pair = _pair(norm)
        if pair is None:
            continue
        weight, bias = _folded(pair)
        if _answers_alike(pair, weight, bias):
            node = pair.convolution
            for place, tensor in ((1, weight), (2, bias)):
                node.replaceInput(place, constant_before(node, code.graph, tensor))
            if node.kind() in _OF_IMAGES:
                node.i_(BATCHED, 1)  # the batch norm would take the second dimension for channels
            replace(norm, node.output())
            count += 1
    return Counter({"batch norm folded into a convolution": count} if count else {})


def _pair(norm: Node) -> _Pair | None:
    """Return a batch norm with its convolution; None where it does not follow one alone."""
    node = norm.inputsAt(0).node()
    numbers = constants_of(norm, range(1, 8))
    if node.kind() not in _CONVOLUTIONS | _TRANSPOSED or len(users_of(node.output())) != 1:
        return None
    settings = constants_of(node, range(1, node.inputsSize()))
    if numbers is None or settings is None:
        return None
    gain, offset, mean, variance, training, _, spread = numbers
    weight, bias, *rest = settings
    if training or not all(isinstance(it, torch.Tensor) for it in (weight, mean, variance)):
        return None
    if not all(it is None or it.dtype is torch.float32 for it in (weight, bias, mean, variance)):
        return None
    scale = (variance.double() + spread).rsqrt()
    scale = scale if gain is None else scale * gain.double()
    shift = -mean.double() * scale
    return _Pair(node, weight, bias, rest, scale, shift if offset is None else shift + offset)


def _folded(pair: _Pair) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight and bias that do what both did."""
    weight = pair.weight.detach().double()
    if pair.transposed:
        # (inputs, results of a group, …): the results of one group follow those of another
        scale = pair.scale.reshape(pair.groups, 1, weight.shape[1])
        grouped = weight.reshape(pair.groups, -1, weight.shape[1], *weight.shape[2:])
        scale = scale.reshape(*scale.shape, *(1 for _ in weight.shape[2:]))
        weight = (grouped * scale).reshape(weight.shape)
    else:
        weight = weight * pair.scale.reshape(-1, *(1 for _ in weight.shape[1:]))
    bias = pair.shift if pair.bias is None else pair.shift + pair.bias.double() * pair.scale
    return weight.float(), bias.detach().float()


def _answers_alike(pair: _Pair, weight: torch.Tensor, bias: torch.Tensor) -> bool:
    """Tell whether new weights answer as both operators did, but for rounding."""
    call = getattr(torch, pair.convolution.kind().removeprefix("aten::"))
    x = _input_for(pair)
    with torch.no_grad():
        before = call(x, pair.weight, pair.bias, *pair.settings).double()
        shape = (1, -1, *(1 for _ in before.shape[2:]))
        expected = before * pair.scale.reshape(shape) + pair.shift.reshape(shape)
        made = call(x, weight, bias, *pair.settings).double()
    if not expected.isfinite().all() or not made.isfinite().all():
        return False
    return bool((made - expected).abs().max() <= _RELATIVE * expected.abs().max())


def _input_for(pair: _Pair) -> torch.Tensor:
    """Return random numbers that the convolution takes."""
    weight = pair.weight
    channels = weight.shape[0] if pair.transposed else weight.shape[1] * pair.groups
    dilation = pair.settings[4] if pair.transposed else pair.settings[2]
    sizes = [
        _SIZE + (size - 1) * dilation[place % len(dilation)]
        for place, size in enumerate(weight.shape[2:])
    ]
    random = torch.Generator().manual_seed(_SEED)
    return torch.randn([1, channels, *sizes], generator=random)
