"""What torch's kernels that round to 8 bits answer in the runtime (Note [Whose rounding]).

A kernel that is given floats gets them moved to the steps they belong to: then there is nothing
left to round, whoever's kernel it is. Kernels that round inside are computed here.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from builder.models.reference.rounder import INTEGERS, Rounder, from_stored, is_8_bit


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operator: what rounds, and torch's own kernel."""

    rounder: Rounder
    kernel: Callable[..., Any]


Hook = Callable[..., Any]
"""Answers a call: it is given a `Call`, and the arguments of the operator's schema."""


def _quantize(
    call: Call, value: Tensor, scale: float, zero_point: int, dtype: torch.dtype
) -> object:
    if dtype not in INTEGERS or value.dtype != torch.float32 or not scale > 0:
        return call.kernel(value, scale, zero_point, dtype)
    on_steps = call.rounder.steps(value, scale, sure=not call.rounder.computed) * scale
    return call.kernel(on_steps, scale, zero_point, dtype)


def _quantize_by_tensors(
    _call: Call, value: Tensor, scale: Tensor, zero_point: Tensor, dtype: torch.dtype
) -> object:
    return torch.quantize_per_tensor(value, float(scale), int(zero_point), dtype)


def _quantize_by_range(
    call: Call, value: Tensor, dtype: torch.dtype, reduce_range: bool  # noqa: FBT001  torch's schema
) -> object:  # fmt: skip
    chosen: Tensor = call.kernel(value, dtype, reduce_range)
    if not is_8_bit(chosen):
        return chosen
    return torch.quantize_per_tensor(value, chosen.q_scale(), chosen.q_zero_point(), dtype)


def _quantize_channels(  # noqa: PLR0917  torch's schema
    call: Call, value: Tensor, scales: Tensor, zero_points: Tensor, axis: int, dtype: torch.dtype
) -> object:  # fmt: skip
    if dtype not in INTEGERS or value.dtype != torch.float32 or zero_points.is_floating_point():
        return call.kernel(value, scales, zero_points, axis, dtype)
    sizes = [-1 if it == axis % value.dim() else 1 for it in range(value.dim())]
    scale = scales.to(torch.float32).reshape(sizes)
    on_steps = call.rounder.steps(value, scale, sure=not call.rounder.computed) * scale
    return call.kernel(on_steps, scales, zero_points, axis, dtype)


def _add(
    call: Call, one: Tensor, other: Tensor, scale: float, zero_point: int, *, relu: bool
) -> object:
    is_qnnpacks = one.dtype == torch.quint8 and one.shape == other.shape
    if is_qnnpacks or one.dtype != other.dtype:
        return call.kernel(one, other, scale, zero_point)
    total = one.dequantize() + other.dequantize()
    return call.rounder.quantize(total.relu() if relu else total, scale, zero_point, one.dtype)


def _concatenate(
    call: Call, tensors: list[Tensor], dim: int, scale: float | None, zero_point: int | None,
    *, relu: bool,
) -> object:  # fmt: skip
    if not all(map(is_8_bit, tensors)) or len({it.dtype for it in tensors}) != 1:
        return call.kernel(tensors, dim, scale, zero_point)
    first = tensors[0]
    joined = torch.cat([it.dequantize() for it in tensors], dim)
    return call.rounder.quantize(
        joined.relu() if relu else joined,
        first.q_scale() if scale is None else scale,
        first.q_zero_point() if zero_point is None else zero_point,
        first.dtype,
    )


def _concatenate_any(call: Call, tensors: list[Tensor], dim: int = 0) -> object:
    if not any(it.is_quantized for it in tensors):
        return call.kernel(tensors, dim)
    plain = Call(call.rounder, lambda tensors, dim, *_: call.kernel(tensors, dim))
    return _concatenate(plain, tensors, dim, None, None, relu=False)


def _clamp(call: Call, x: Tensor, low: float | None = None, high: float | None = None) -> object:
    """Clamp; the kernel rounds the limits."""
    scale = x.q_scale()
    limits = (
        it if it is None else call.rounder.steps(torch.tensor(float(it)), scale) * scale
        for it in (low, high)
    )
    return call.kernel(x, *(it if it is None else float(it) for it in limits))


def _in_its_scale(
    function: Callable[..., Tensor], call: Call, x: Tensor, *given: Any, **named: Any  # noqa: ANN401  any operator's
) -> Any:  # fmt: skip  # noqa: ANN401  see above
    """Apply a function of one number, which has but 256 values: none of them is close to a tie."""
    value = function(x.dequantize(), *given, **named)
    return call.rounder.quantize(value, x.q_scale(), x.q_zero_point(), x.dtype)


def _leaky_relu_in_place(call: Call, x: Tensor, negative_slope: float = 0.01) -> object:
    return x.copy_(_in_its_scale(functional.leaky_relu, call, x, negative_slope))


def _leaky_relu(
    call: Call, x: Tensor, negative_slope: float, _inplace: bool, scale: float, zero_point: int  # noqa: FBT001  see above
) -> object:  # fmt: skip
    value = functional.leaky_relu(x.dequantize(), negative_slope)
    return call.rounder.quantize(value, scale, zero_point, x.dtype)


def _elu(  # noqa: PLR0917  torch's schema
    call: Call, x: Tensor, scale: float, zero_point: int,
    alpha: float = 1, positive: float = 1, negative: float = 1,
) -> object:  # fmt: skip
    value = x.dequantize()
    below = (torch.exp(value * negative) - 1) * alpha
    answer = torch.where(value > 0, value, below) * positive
    return call.rounder.quantize(answer, scale, zero_point, x.dtype)


def _celu(call: Call, x: Tensor, scale: float, zero_point: int, alpha: float = 1) -> object:
    return _elu(call, x, scale, zero_point, alpha, negative=1.0 / alpha)


def _normalize(function: Callable[..., Tensor], call: Call, x: Tensor, *given: Any) -> object:  # noqa: ANN401  any operator's
    """Normalize; the last two arguments of all these operators are scale and zero point."""
    *passed_on, scale, zero_point = given
    value = function(x.dequantize(), *passed_on)
    return call.rounder.quantize(value, scale, zero_point, x.dtype, sure=False)


def _batch_norm(  # noqa: PLR0917  torch's schema
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor,
    eps: float, *, relu: bool,
) -> Tensor:  # fmt: skip
    value = functional.batch_norm(x, mean, variance, weight, bias, eps=eps)
    return value.relu() if relu else value


def _instance_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    return functional.instance_norm(x, weight=weight, bias=bias, eps=eps)


def _resize(  # noqa: PLR0917  torch's schema
    call: Call, x: Tensor, size: list[int], align_corners: bool,  # noqa: FBT001  see above
    scale_height: float | None = None, scale_width: float | None = None,
) -> object:  # fmt: skip
    if list(x.shape[2:]) == list(size):
        return call.kernel(x, size, align_corners, scale_height, scale_width)
    rows = _Mix(x.shape[2], size[0], scale_height, align_corners=align_corners)
    columns = _Mix(x.shape[3], size[1], scale_width, align_corners=align_corners)
    stored = x.int_repr().to(torch.float32)
    upper, lower = (
        columns.near * stored[:, :, row][..., columns.first]
        + columns.far * stored[:, :, row][..., columns.second]
        for row in (rows.first, rows.second)
    )
    zero_point = x.q_zero_point()
    mixed = rows.near[:, None] * upper + rows.far[:, None] * lower - zero_point
    sure = rows.exact and columns.exact
    rounded = call.rounder.quantize(mixed, 1.0, zero_point, x.dtype, sure=sure)
    return from_stored(rounded.int_repr(), x.q_scale(), zero_point)


_EVEN: Final = 128.0
"""An 8-bit number and two shares of so many parts fit into a float32 together, and so do four."""


class _Mix:
    """The two rows (or columns) that each one of a resized image is mixed of, and their shares."""

    def __init__(self, old: int, new: int, ratio: float | None, *, align_corners: bool) -> None:
        index = torch.arange(new, dtype=torch.float32)
        if align_corners:
            place = index * (torch.tensor(old - 1.0) / (new - 1) if new > 1 else 0.0)
        else:
            scale = torch.tensor(1.0 / ratio) if ratio else torch.tensor(float(old)) / new
            place = ((index + 0.5) * scale - 0.5).clamp(min=0)
        self.first = place.to(torch.int64)
        self.second = self.first + (self.first < old - 1)
        self.far = place - self.first
        self.near = 1 - self.far

    @property
    def exact(self) -> bool:
        """Whether no product has to be rounded, which some processors do before they add."""
        return bool((self.far * _EVEN).frac().eq(0).all())


def _pool(call: Call, x: Tensor, size: list[int]) -> object:
    """Average the parts of images whose channels are stored side by side.

    QNNPACK does the others whose parts are of one size, and the rest is rounded as whole numbers.
    """
    old = list(x.shape[-2:])
    even = old != list(size) and not any(it % new for it, new in zip(old, size, strict=True))
    channels_last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)  # noqa: PLR2004  N, C, H, W
    if not channels_last or (x.dtype == torch.quint8 and even):
        return call.kernel(x, size)
    numbers = x.int_repr().to(torch.float32) - x.q_zero_point()
    rows = [
        torch.stack(
            [
                _mean(call, numbers[:, :, rows, columns], x)
                for columns in _parts(x.shape[3], size[1])
            ],
            -1,
        )
        for rows in _parts(x.shape[2], size[0])
    ]
    stored = torch.stack(rows, -2).contiguous(memory_format=torch.channels_last)
    return from_stored(stored, x.q_scale(), x.q_zero_point())


def _parts(old: int, new: int) -> list[slice]:
    return [slice(part * old // new, -(-(part + 1) * old // new)) for part in range(new)]


def _mean(call: Call, part: Tensor, like: Tensor) -> Tensor:
    """Return means of rows and columns, as integers; the kernel inverts the count twice."""
    count = 1.0 / (1.0 / torch.tensor(float(part.shape[-1] * part.shape[-2])))
    total = part.sum((-2, -1))
    return call.rounder.quantize(total, float(count), like.q_zero_point(), like.dtype).int_repr()


ON_ANY: Final[dict[str, Hook]] = {
    "aten::quantize_per_tensor": _quantize,
    "aten::quantize_per_tensor.tensor_qparams": _quantize_by_tensors,
    "aten::quantize_per_tensor_dynamic": _quantize_by_range,
    "aten::quantize_per_channel": _quantize_channels,
    "aten::cat": _concatenate_any,
    "quantized::cat": functools.partial(_concatenate, relu=False),
    "quantized::cat_relu": functools.partial(_concatenate, relu=True),
}
"""By operator, with its overload. These are called for tensors of any dtype, and lists of them."""

ON_8_BITS: Final[dict[str, Hook]] = {
    "aten::clamp": _clamp,
    "aten::leaky_relu": functools.partial(_in_its_scale, functional.leaky_relu),
    "aten::leaky_relu_": _leaky_relu_in_place,
    "aten::gelu": functools.partial(_in_its_scale, functional.gelu),
    "aten::upsample_bilinear2d": _resize,
    "aten::_adaptive_avg_pool2d": _pool,
    "quantized::add": functools.partial(_add, relu=False),
    "quantized::add_relu": functools.partial(_add, relu=True),
    "quantized::leaky_relu": _leaky_relu,
    "quantized::elu": _elu,
    "quantized::celu": _celu,
    "quantized::layer_norm": functools.partial(_normalize, functional.layer_norm),
    "quantized::group_norm": functools.partial(_normalize, functional.group_norm),
    "quantized::instance_norm": functools.partial(_normalize, _instance_norm),
    **{
        f"quantized::batch_norm{kind}{'_relu' if relu else ''}": functools.partial(
            _normalize, functools.partial(_batch_norm, relu=relu)
        )
        for kind in ("", "1d", "2d", "3d")
        for relu in (False, True)
    },
}
"""These are called when the first argument holds 8-bit numbers; all else is left to torch."""
