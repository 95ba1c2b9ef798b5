"""How far the answers of a model move when numbers close to a tie are rounded the other way.

Note [Allowance]: a float kernel of a runtime adds in another order than desktop torch, so its
answers differ in the last bits. If such a number is rounded to 8 bits it may become the next one,
which moves what is computed from it by far more than the tolerance of its dtype. How far depends
on the model alone. So it is measured: the model runs again with noise before each rounding that
is unsure (Note [Sure and unsure]), ten times what float kernels differ by. A number may be twice
as far off as noise moved any number of its tensor, and all numbers together (their root mean
square) twice as far as noise moved them. Few numbers that were rounded the other way stay within
both. A wrong weight, scale or zero point moves most numbers, and does not. Noise that moves the
answers of few runs is increased, as the allowance has to hold for one rare number, too. A model
whose roundings are all sure is allowed nothing.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from builder.models.reference.rounder import Rounder
from builder.vocabulary.value_files import Quantized, Tensor, Value, encode

_NOISES: Final = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
_RUNS: Final = 4
_ENOUGH: Final = 3
"""So many runs have to move."""

_MARGIN: Final = 2.0
_ROUNDED: Final = frozenset({"uint8", "int8", "int32"})
"""Dtypes of integers that may be what a quantized tensor holds; others are indices and counts."""


def measure(
    rounder: Rounder, run: Callable[[], Sequence[Value]], expected: Sequence[Value]
) -> list[Value]:
    """Return the allowance of each case: its answer with pairs for what moved, else None.

    A pair is how far one number may be off, and the root mean square of all numbers of the tensor.

    `run` answers all cases anew, as often as it is called.
    """
    allowed: list[Value] = [None] * len(expected)
    waiting = set(range(len(expected)))
    for noise in _NOISES:
        rounder.noise = noise
        try:
            runs = [run() for _ in range(_RUNS)]
        except Exception:  # noqa: BLE001  noise that leads where the model itself did not go tells nothing
            break
        finally:
            rounder.noise = 0.0
        for case in sorted(waiting):
            answers = [it[case] for it in runs]
            allowed[case] = _allowance(expected[case], answers)
            if sum(encode(it) != encode(expected[case]) for it in answers) >= _ENOUGH:
                waiting.remove(case)
        if not waiting:
            break
    return allowed


def _allowance(expected: Value, answers: Sequence[Value]) -> Value:
    """Return how far the answers are from what is expected, part by part, with the margin."""
    alike = [it for it in answers if type(it) is type(expected)]
    match expected:
        case Quantized():
            return _allowance(
                expected.stored, [it.stored for it in alike if isinstance(it, Quantized)]
            )
        case Tensor() | float():
            found = zip(*(_distance(it, expected) for it in alike), strict=True)
            pair = tuple(_MARGIN * max(it) for it in found)
            return pair if any(pair) else None
        case list() | tuple():
            same = [it for it in alike if isinstance(it, list | tuple) and len(it) == len(expected)]
            return [
                _allowance(part, [it[index] for it in same]) for index, part in enumerate(expected)
            ]
        case dict():
            return {
                key: _allowance(
                    part, [it[key] for it in alike if isinstance(it, dict) and key in it]
                )
                for key, part in expected.items()
            }
        case _:
            return None


def _distance(one: Value, other: Value) -> tuple[float, float]:
    """Return the largest distance of numbers, and the root mean square of all finite ones."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return 0.0, 0.0
        this, that = one.numpy(), other.numpy()
        if this.dtype.kind not in "fc" and one.dtype not in _ROUNDED:
            return 0.0, 0.0
    else:
        this, that = np.asarray(one), np.asarray(other)
    kind = np.result_type(this, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(np.subtract(this, that, dtype=kind))
    apart = np.where(np.isfinite(apart), apart, 0.0)
    if not apart.size:
        return 0.0, 0.0
    return float(apart.max()), float(np.sqrt(np.mean(np.square(apart))))
