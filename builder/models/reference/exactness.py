"""Which operators answer with the same bits in every build, and whether others have run.

Note [Sure and unsure]: a rounding is sure if every build rounds the same bits: those of an input of
the model, of 8-bit numbers, or of either after operations that move numbers or do one operation of
IEEE arithmetic on each. Once any other float kernel has answered, the last bits of what follows may
differ between builds, so that it falls to either side of a tie.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from builder.models.reference.rounder import Rounder

_MOVING: Final = """
    _reshape_alias _to_copy _unsafe_view alias as_strided cat channel_shuffle chunk clone
    constant_pad_nd contiguous copy_ detach dropout expand expand_as feature_dropout flatten
    flip gather index index_select lift_fresh masked_fill masked_fill_ masked_select max_pool1d
    max_pool2d max_pool2d_with_indices narrow pad permute pixel_shuffle reflection_pad2d repeat
    replication_pad2d reshape reshape_as resolve_conj resolve_neg roll select slice split
    split_with_sizes squeeze stack t to topk transpose type_as unbind unflatten unfold unsqueeze
    upsample_nearest1d upsample_nearest2d view view_as where
"""
_ARITHMETIC: Final = """
    abs add add_ ceil clamp clamp_ clamp_max clamp_min div div_ eq floor ge gt hardtanh
    hardtanh_ le leaky_relu leaky_relu_ lt max maximum min minimum mul mul_ ne neg reciprocal
    relu relu_ round rsub sign sqrt sub sub_ threshold
"""
_MAKING: Final = """
    _empty_affine_quantized _make_per_tensor_quantized_tensor arange empty empty_like full
    full_like ones ones_like scalar_tensor tensor zeros zeros_like
"""
_ASKING: Final = """
    _local_scalar_dense argmax argmin dim is_floating_point item len numel q_scale
    q_zero_point qscheme size stride sym_numel sym_size sym_stride
"""
_ROUNDING: Final = """
    dequantize int_repr quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic
"""
EXACT: Final = frozenset((_MOVING + _ARITHMETIC + _MAKING + _ASKING + _ROUNDING).split())
"""Operators of `aten::` that take floats and are exact."""

IN_FLOATS: Final = frozenset({"aten::mean", "aten::std", "quantized::matmul", "quantized::softmax"})
"""Operators on 8-bit numbers that compute in floats and round that, at least for some layouts."""


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells a rounder when an operator of a run is one whose answers are not exact."""

    def __init__(self, rounder: Rounder) -> None:
        """Begin a run, in which nothing was computed so far."""
        rounder.computed = False
        super().__init__()  # type: ignore[no-untyped-call]
        self._rounder = rounder

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  an OpOverload
        types: object,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Run an operator, and say before it whether its kernel rounds what it has computed."""
        rounder, before = self._rounder, self._rounder.computed
        name = func.name().partition(".")[0]
        namespace, _, base = name.partition("::")
        kwargs = kwargs or {}
        factor = kwargs.get("alpha", 1)  # some processors round a product and its sum once
        exact = namespace == "aten" and base in EXACT and factor in {1, -1}
        on_8_bits = namespace == "quantized" or _has(args, 1, _is_quantized)
        rounder.computed = before or name in IN_FLOATS or not (exact or on_8_bits)
        answer = func(*args, **kwargs)
        rounder.computed = before or (not exact and _has([answer], 2, torch.is_floating_point))
        return answer


def _has(values: Sequence[Any], depth: int, is_one: Callable[[Tensor], bool]) -> bool:
    """Tell whether a tensor among the values, or in lists and tuples of them, is one of these."""
    for value in values:
        if isinstance(value, Tensor):
            if is_one(value):
                return True
        elif isinstance(value, list | tuple) and depth and _has(value, depth - 1, is_one):
            return True
    return False


def _is_quantized(tensor: Tensor) -> bool:
    return tensor.is_quantized
