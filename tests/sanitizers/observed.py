"""Which operators models call in desktop torch, with which shapes: where a fuzzer begins.

A profiler tells the shapes and dtypes of tensors, and the values of all else. So a convolution
begins with a kernel that fits its image, and what is changed then is near to what works.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from builder.models.torchscript.signatures.kinds import Kind, Type
from builder.vocabulary.dtypes import DTYPES
from builder.vocabulary.value_files import Tensor, Value
from tests.coverage.suite import Suite, cases_for, quietly, write
from tests.sanitizers.operators import Called, is_constant

MOST: Final = 12
"""Calls of one operator that are kept."""
_LARGEST: Final = 1 << 14
_NAMES: Final = {
    "float": "float32", "double": "float64", "long int": "int64", "int": "int32", "bool": "bool",
    "short int": "int16", "signed char": "int8", "unsigned char": "uint8", "c10::Half": "float16",
    "c10::BFloat16": "bfloat16", "c10::complex<float>": "complex64",
    "c10::complex<double>": "complex128",
}  # fmt: skip
_SIZES: Final = {it.torch: it.size for it in DTYPES}
_ONES: Final = {
    "float32": b"\0\0\x80\x3f", "float64": b"\0\0\0\0\0\0\xf0\x3f", "float16": b"\0\x3c",
    "bfloat16": b"\x80\x3f",
}  # fmt: skip


class _UnfitError(Exception):
    """An argument is of another type than the schema says, or was not told."""


@dataclass(frozen=True)
class _Argument:
    shape: Any
    dtype: str
    value: Any


@dataclass(frozen=True)
class _Call:
    """`name` is that of all overloads, such as `aten::add`."""

    name: str
    arguments: tuple[_Argument, ...]


def observed_calls(
    operators: Collection[Called], suite: Suite, folder: Path
) -> Iterator[tuple[Called, tuple[Value, ...]]]:
    """Run all models of a suite; yield the operators they call, with arguments of these shapes."""
    overloads: dict[str, list[Called]] = {}
    for it in operators:
        overloads.setdefault(f"{it.name.namespace}::{it.name.base}", []).append(it)
    kept: dict[Called, list[tuple[Value, ...]]] = {it: [] for it in operators}
    draw = random.Random(0)
    for call in dict.fromkeys(_calls_of(suite, folder)):
        for operator in overloads.get(call.name, ()):
            with contextlib.suppress(_UnfitError):
                if len(kept[operator]) < MOST:
                    kept[operator].append(_values(operator, call, draw))
    for operator, all_calls in kept.items():
        for values in all_calls:
            yield operator, values


def _calls_of(suite: Suite, folder: Path) -> Iterator[_Call]:
    for coverage in suite.models:
        _, module = write(coverage, folder)
        for case in cases_for(coverage, suite.dtypes):
            yield from _profiled(getattr(module, coverage.method), case)


def _profiled(method: Callable[..., Any], case: Sequence[Any]) -> Iterator[_Call]:
    activities = [torch.profiler.ProfilerActivity.CPU]
    profiler = torch.profiler.profile(activities=activities, record_shapes=True)
    with quietly(), torch.inference_mode(), profiler as profile:  # noqa: SIM117  it goes on then
        with contextlib.suppress(RuntimeError, torch.jit.Error):
            method(*case)
    for event in profile.profiler.kineto_results.events():
        rows = zip(event.shapes(), event.dtypes(), event.concrete_inputs(), strict=True)
        yield _Call(event.name(), tuple(_Argument(_frozen(a), b, _frozen(c)) for a, b, c in rows))


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _values(operator: Called, call: _Call, draw: random.Random) -> tuple[Value, ...]:
    if len(call.arguments) != len(operator.takes):
        raise _UnfitError
    pairs = zip(operator.takes, call.arguments, strict=True)
    return tuple(_value(type_, it, draw) for type_, it in pairs if not is_constant(type_))


def _value(type_: Type, given: _Argument, draw: random.Random) -> Value:  # noqa: PLR0911  one for each kind
    match type_.kind, given.value:
        case Kind.OPTIONAL, None if not given.dtype:
            return None
        case Kind.OPTIONAL, _:
            return _value(type_.element, given, draw)
        case Kind.TENSOR, _:
            return _tensor(given.shape, _NAMES.get(given.dtype, ""), draw)
        case Kind.LIST, _ if type_.element.kind is Kind.TENSOR and given.dtype == "TensorList":
            return [_tensor(shape, "float32", draw) for shape in given.shape]
        case Kind.LIST, tuple(items):
            return [_value(type_.element, _Argument((), "", it), draw) for it in items]
        case Kind.BOOL | Kind.NUMBER, bool(flag):
            return flag
        case Kind.INT | Kind.NUMBER, int(number) if not isinstance(number, bool):
            return number
        case Kind.FLOAT | Kind.NUMBER, float() | int() if not isinstance(given.value, bool):
            return float(given.value)
        case Kind.STR, str(text):
            return text
        case _:
            raise _UnfitError


def _tensor(shape: tuple[int, ...], dtype: str, draw: random.Random) -> Tensor:
    """Return zeros and ones: as indices, these are often within bounds."""
    size = _SIZES.get(dtype, 0)
    count = math.prod(shape)
    if not size or count * size > _LARGEST:
        raise _UnfitError
    one = _ONES.get(dtype, b"\x01").ljust(size, b"\0")
    return Tensor(dtype, shape, b"".join(draw.choice((one, bytes(size))) for _ in range(count)))
