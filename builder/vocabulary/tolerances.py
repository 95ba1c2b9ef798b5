"""How near the numbers of a runtime must be to those of desktop torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How near the runtime's numbers must be to those of desktop torch.

    By default each dtype has its own tolerance. `relative` and `absolute` replace those of every
    dtype that has one; `exact` asks for the same bits.
    """

    exact: bool = False
    relative: float | None = None
    absolute: float | None = None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Numbers agree when `|actual - expected| <= absolute + relative * |expected|`."""

    relative: float
    absolute: float
