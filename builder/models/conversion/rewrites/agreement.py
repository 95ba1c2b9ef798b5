"""Whether a rewritten module answers as before, on the inputs that come with it or are made for it.

Both run in desktop torch, packed weights through the operators that they pack.
"""

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import torch

from builder.models.conversion.repairs.graphs import Graph, of_kind
from builder.models.conversion.rewrites.constants import constants_of

_BUNDLED: Final = "get_all_bundled_inputs"
_SEED: Final = 20_26
_SIZES: Final = (32, 64, 224)
"""Of images that are tried until a module takes one."""

_RELATIVE: Final = 1e-3
_SMALL: Final = 1e-4  # of the largest number of an answer

Arguments = tuple[Any, ...]


def cases_for(frozen: Any) -> tuple[Arguments, ...]:  # noqa: ANN401  a torch.jit.ScriptModule
    """Return arguments to try: those bundled with a module, or images for its first convolution."""
    if frozen._c._has_method(_BUNDLED):  # noqa: SLF001
        return tuple(tuple(it) for it in copy.deepcopy(frozen).get_all_bundled_inputs())
    return tuple(_images(frozen.graph))


def _images(graph: Graph) -> Iterator[Arguments]:
    """Yield images of several sizes for code that takes one tensor and gives it to convolutions."""
    if len(list(graph.inputs())) != 2:  # noqa: PLR2004  the module itself and one argument
        return
    known = (constants_of(node, (1, 6)) for node in of_kind(graph, "aten::conv2d"))
    for weight, groups in filter(None, known):
        random = torch.Generator().manual_seed(_SEED)
        for size in _SIZES:
            shape = [1, int(weight.shape[1]) * groups, size, size]
            yield (torch.randn(shape, generator=random),)
        return


def differs(before: Any, after: Any, cases: Iterable[Arguments]) -> str:  # noqa: ANN401
    """Return how two modules differ in words, on the first case that the former takes; or nothing.

    Both stay as they are: copies of them run.
    """
    before, after = copy.deepcopy(before), copy.deepcopy(after)
    for arguments in cases:
        wanted = _answer(before, arguments)
        if wanted is not None:
            answer = _answer(after, arguments)
            if answer is None:
                return "rewritten, it would not run on the same inputs"
            return "" if _alike(*wanted, *answer) else "rewritten, it would answer otherwise"
    return ""


def _answer(module: Any, arguments: Arguments) -> tuple[Any] | None:  # noqa: ANN401
    """Return the answer in a tuple of its own; None where the module does not take these."""
    torch.manual_seed(_SEED)
    try:
        with torch.inference_mode():
            return (module(*copy.deepcopy(arguments)),)
    except Exception:  # noqa: BLE001  whatever its code raises
        return None


def _alike(one: Any, other: Any) -> bool:  # noqa: ANN401  values of TorchScript
    if type(one) is not type(other):
        return False
    match one:
        case torch.Tensor():
            return _tensors_alike(one, other)
        case Mapping():
            return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
        case list() | tuple():
            return len(one) == len(other) and all(map(_alike, one, other))
        case float():
            return math.isclose(one, other, rel_tol=_RELATIVE) or one != one  # noqa: PLR0124  NaN
        case _:
            return bool(one == other)


def _tensors_alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not one.is_floating_point():
        return True  # what was rounded or compared may fall on the other side
    finite = one[one.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(other, one, rtol=_RELATIVE, atol=_SMALL * largest, equal_nan=True)
