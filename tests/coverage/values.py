"""Inputs of the coverage models: deterministic tensors, and what describes one model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn

Arguments: TypeAlias = tuple[Any, ...]

FLOATS: Final = (torch.float32, torch.float64)
HALVES: Final = (torch.float16, torch.bfloat16)
INTEGERS: Final = (torch.int64, torch.int32, torch.uint8, torch.int16, torch.int8)
COMPLEX: Final = (torch.complex64, torch.complex128)


@dataclass(frozen=True)
class Coverage:
    """One model of the suite: how it is made, and the calls whose answers are compared.

    `make` returns a module to script, or the bytes of a lite model.
    `needs` are dtypes it computes with besides those of its inputs, by their ATen names. `missing`
    says why a model cannot work, in torch's words or ours. `refused` is what the runtime says where
    torch answers: every case fails with an error that contains it. `exact`: every bit of the answers
    must be the same, as with kernels that calculate in integers.
    """

    name: str
    make: Callable[[], nn.Module | bytes]
    cases: Callable[[], list[Arguments]]
    needs: frozenset[str] = field(default_factory=frozenset)
    missing: str = ""
    method: str = "forward"
    refused: str = ""
    exact: bool = False


def seeded(*shape: int) -> torch.Generator:
    """Return a generator that depends on the shape alone, so that cases do not share numbers."""
    generator = torch.Generator()
    return generator.manual_seed(1 + sum((place + 1) * size for place, size in enumerate(shape)))


def numbers(
    *shape: int, dtype: torch.dtype = torch.float32, low: float = -2.0, high: float = 2.0
) -> Tensor:
    """Return evenly distributed numbers; of integer dtypes whole ones, not negative if unsigned."""
    drawn = torch.rand(shape, generator=seeded(*shape), dtype=torch.float64) * (high - low) + low
    if dtype.is_complex:
        turned = torch.rand(shape, generator=seeded(*shape, 7), dtype=torch.float64)
        return torch.complex(drawn, turned * (high - low) + low).to(dtype)
    if dtype is torch.uint8:
        drawn = drawn.abs()
    return drawn.to(dtype)


def integers(*shape: int, below: int, dtype: torch.dtype = torch.int64) -> Tensor:
    """Return whole numbers from zero to `below`, which is not among them."""
    return torch.randint(0, below, shape, generator=seeded(*shape, below)).to(dtype)


def positive(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return numbers between a tenth and two."""
    return numbers(*shape, dtype=dtype, low=0.1, high=2.0)


def unit(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return numbers well inside of minus one and one."""
    return numbers(*shape, dtype=dtype, low=-0.9, high=0.9)


def each(
    dtypes: tuple[torch.dtype, ...], make: Callable[[torch.dtype], Arguments]
) -> list[Arguments]:
    """Return one case per dtype."""
    return [make(dtype) for dtype in dtypes]
