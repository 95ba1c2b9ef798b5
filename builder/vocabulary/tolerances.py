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
    """Numbers agree when `|actual - expected| <= absolute + rounding + relative * |expected|`.

    `rounding` is what a number of this answer may be off because it was computed from numbers that
    were rounded to 8 bits. If there is any, the root mean square of what all numbers of a tensor
    are off beyond the rest may be `together` at most.
    """

    relative: float
    absolute: float
    rounding: float = 0.0
    together: float = 0.0

    @property
    def floor(self) -> float:
        """What is allowed for zero."""
        return self.absolute + self.rounding

    def __str__(self) -> str:
        """Return a few words for the report."""
        words = f"rtol {self.relative:g} atol {self.absolute:g}"
        return f"{words} and {self.rounding:.3g} for rounding to 8 bits" if self.rounding else words
