"""Compare what the runtime answers with what desktop torch answers, element by element."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from builder.vocabulary.checks import Element
from builder.vocabulary.tolerances import Limits, Tolerance
from builder.vocabulary.value_files import Failure, Quantized, Tensor, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCES: Final[Mapping[str, Tolerance]] = {
    "float16": Tolerance(1e-2, 1e-3),
    "bfloat16": Tolerance(2e-2, 1e-2),
    "float32": Tolerance(1e-4, 1e-5),
    "float64": Tolerance(1e-7, 1e-9),
    "complex64": Tolerance(1e-4, 1e-5),
    "complex128": Tolerance(1e-7, 1e-9),
}
"""By dtype; the others (integers, booleans) must be equal. A Python float is float64."""


def tolerances(limits: Limits) -> dict[str, Tolerance]:
    """Return the tolerance of each dtype that has one; none when answers must have equal bits."""
    if limits.exact:
        return {}
    return {
        dtype: Tolerance(
            known.relative if limits.relative is None else limits.relative,
            known.absolute if limits.absolute is None else limits.absolute,
        )
        for dtype, known in TOLERANCES.items()
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the answers differ: a path into the value, and why.

    `failed`: whether there is no answer of the runtime.
    """

    path: str
    reason: str
    failed: bool = False

    def __str__(self) -> str:
        """Return `output[0]: …`."""
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every place where two answers differ, and of all numbers the one that is farthest off.

    `worst` is None when every number is equal, bit for bit; it is there when answers agree, too.
    """

    differences: tuple[Difference, ...] = ()
    worst: Element | None = None

    def __add__(self, other: Comparison) -> Comparison:
        """Return what both say together; of two equally bad elements the first stays."""
        known = [it for it in (self.worst, other.worst) if it is not None]
        return Comparison(
            self.differences + other.differences,
            max(known, key=lambda it: (it.share, it.error), default=None),
        )


def compare(
    actual: Value,
    expected: Value,
    path: str = "output",
    limits: Limits | None = None,
    allowance: Value = None,
) -> Comparison:
    """Compare two answers; without `limits` by the tolerances of their dtypes.

    `allowance` is made as `expected` is, with a pair for each tensor or number that is computed
    from numbers that were rounded to 8 bits: what is allowed more for one, and for all together.
    """
    comparer = _Comparer(limits or Limits())
    total = Comparison()
    for part in comparer.compare(actual, expected, path, allowance):
        total += part
    return total


def _difference(path: str, reason: str) -> Comparison:
    return Comparison((Difference(path, reason),))


class _Comparer:
    """Walks two answers at once; what it may overlook is fixed when it is made."""

    def __init__(self, limits: Limits) -> None:
        self._exact = limits.exact
        self._tolerances = tolerances(limits)

    def _tolerance(self, dtype: str, allowance: Value) -> Tolerance | None:
        known = self._tolerances.get(dtype)
        match allowance:
            case (float(one), float(together)) if not self._exact:
                plain = known or Tolerance(0.0, 0.0)
                return replace(plain, rounding=one, together=together)
            case _:
                return known

    def compare(
        self, actual: Value, expected: Value, path: str, allowance: Value
    ) -> Iterator[Comparison]:
        if isinstance(actual, Failure) or isinstance(expected, Failure):
            if actual != expected:
                reason = f"the runtime failed: {_failure(actual)}"
                yield Comparison((Difference(path, reason, failed=True),))
        elif type(actual) is not type(expected):
            yield _difference(path, f"is a {_kind(actual)}, torch answers a {_kind(expected)}")
        elif isinstance(actual, Tensor) and isinstance(expected, Tensor):
            yield self._tensors(actual, expected, path, allowance)
        elif isinstance(actual, list | tuple | dict):
            yield from self._containers(actual, expected, path, allowance)
        elif isinstance(actual, float) and isinstance(expected, float):
            yield self._floats(actual, expected, path, allowance)
        elif isinstance(actual, complex) and isinstance(expected, complex):
            yield self._tensors(_as_tensor(actual), _as_tensor(expected), path, allowance)
        elif isinstance(actual, Quantized) and isinstance(expected, Quantized):
            yield from self._quantized(actual, expected, path, allowance)
        elif actual != expected:
            yield _difference(path, f"is {actual!r}, torch answers {expected!r}")

    def _containers(
        self, actual: Value, expected: Value, path: str, allowance: Value
    ) -> Iterator[Comparison]:
        if isinstance(actual, dict) and isinstance(expected, dict):
            yield from self._dicts(actual, expected, path, allowance)
        elif isinstance(actual, list | tuple) and isinstance(expected, list | tuple):
            yield from self._sequences(actual, expected, path, allowance)

    def _quantized(
        self, actual: Quantized, expected: Quantized, path: str, allowance: Value
    ) -> Iterator[Comparison]:
        if actual.dtype != expected.dtype:
            yield _difference(path, f"is {actual.dtype}, torch answers {expected.dtype}")
            return
        place = f"{path}.quantization"
        yield from self.compare(actual.parameters, expected.parameters, place, None)
        yield self._tensors(actual.stored, expected.stored, path, allowance)

    def _sequences(
        self, actual: Sequence[Value], expected: Sequence[Value], path: str, allowance: Value
    ) -> Iterator[Comparison]:
        if len(actual) != len(expected):
            yield _difference(path, f"has {len(actual)} items, torch answers {len(expected)}")
        parts = allowance if isinstance(allowance, list) else []
        for index, (one, other) in enumerate(zip(actual, expected, strict=False)):
            part = parts[index] if index < len(parts) else None
            yield from self.compare(one, other, f"{path}[{index}]", part)

    def _dicts(
        self,
        actual: dict[Value, Value],
        expected: dict[Value, Value],
        path: str,
        allowance: Value,
    ) -> Iterator[Comparison]:
        if list(actual) != list(expected):  # TorchScript's dicts keep the order of insertion
            yield _difference(path, f"has keys {list(actual)}, torch answers {list(expected)}")
        for key, item in expected.items():
            if key in actual:
                part = allowance.get(key) if isinstance(allowance, dict) else None
                yield from self.compare(actual[key], item, f"{path}[{key!r}]", part)

    def _floats(self, actual: float, expected: float, path: str, allowance: Value) -> Comparison:
        bits = struct.pack("<d", actual) == struct.pack("<d", expected)
        if bits or (not self._exact and math.isnan(actual) and math.isnan(expected)):
            return Comparison()
        error = abs(actual - expected)
        error = math.inf if math.isnan(error) else error
        share = math.inf
        tolerance = self._tolerance("float64", allowance)
        if tolerance is not None and math.isfinite(error):
            share = _share(error, tolerance.floor + tolerance.relative * abs(expected))
        element = Element(path, repr(actual), repr(expected), "float64", error, share)
        if share <= 1:
            return Comparison(worst=element)
        text = f"is {actual!r}, torch answers {expected!r}"
        return Comparison((Difference(path, text),), element)

    def _tensors(self, actual: Tensor, expected: Tensor, path: str, allowance: Value) -> Comparison:
        if (actual.dtype, actual.shape) != (expected.dtype, expected.shape):
            return _difference(
                path,
                f"is {actual.dtype}{list(actual.shape)}, torch answers"
                f" {expected.dtype}{list(expected.shape)}",
            )
        if actual.data == expected.data:
            return Comparison()
        tolerance = self._tolerance(actual.dtype, allowance)
        return _unequal_tensors(actual, expected, path, tolerance, exact=self._exact)


def _unequal_tensors(
    actual: Tensor, expected: Tensor, path: str, tolerance: Tolerance | None, *, exact: bool
) -> Comparison:
    """Compare tensors of one dtype and shape whose bytes differ."""
    import numpy as np  # noqa: PLC0415  (most commands never compare)

    one, other = actual.numpy(), expected.numpy()
    if exact:
        rows = (np.frombuffer(it.data, "u1").reshape(one.size, -1) for it in (actual, expected))
        same = np.equal(*rows).all(axis=1).reshape(one.shape)
    else:
        same = np.asarray((one == other) | ((one != one) & (other != other)))  # noqa: PLR0124  NaN
    together = ""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        # in the dtype itself the differences could overflow, and would be rounded
        kind = np.result_type(one, np.float64)
        error = np.asarray(np.abs(np.subtract(one, other, dtype=kind)))
        error[~np.isfinite(error)] = np.inf
        error[same & ~np.isfinite(error)] = 0.0
        share = np.where(same, 0.0, np.inf)
        if tolerance is not None:
            allowed = tolerance.floor + tolerance.relative * np.abs(other.astype(kind))
            measured = ~same & np.isfinite(error)
            share[measured] = error[measured] / allowed[measured]
            together = _off_together(error, allowed, tolerance)
    near = share <= 1
    # of those for which nothing is allowed the farthest is the worst
    farthest = np.where(share == share.max(), error, -1.0)
    worst = tuple(int(it) for it in np.unravel_index(int(farthest.argmax()), share.shape))
    shown = str(one[worst]), str(other[worst])
    element = Element(
        f"{path} at {_index(worst)}", *shown, actual.dtype, float(error[worst]), float(share[worst])
    )
    if near.all():
        return Comparison((Difference(path, together),) if together else (), element)
    limits = "" if tolerance is None else f" beyond {tolerance}"
    far = f" ({element.share:.3g} times what is allowed)" if math.isfinite(element.share) else ""
    text = (
        f"{int((~near).sum())} of {near.size} elements differ{limits};"
        f" worst at {_index(worst)}: {shown[0]}, torch answers {shown[1]}{far}"
    )
    return Comparison((Difference(path, text),), element)


def _as_tensor(number: complex) -> Tensor:
    return Tensor("complex128", (), struct.pack("<dd", number.real, number.imag))


def _off_together(error: NDArray[Any], allowed: NDArray[Any], tolerance: Tolerance) -> str:
    """Say that most numbers are off, if they are, where rounding to 8 bits moves a few of them."""
    if not tolerance.rounding:
        return ""
    beyond = (error - (allowed - tolerance.rounding)).clip(0.0)
    off = math.sqrt(float((beyond * beyond).mean()))
    if off <= tolerance.together:
        return ""
    return (
        f"{int((beyond > 0).sum())} of {beyond.size} elements are off by {off:.3g} (root mean"
        f" square), and rounding to 8 bits explains no more than {tolerance.together:.3g}"
    )


def _share(error: float, allowed: float) -> float:
    if error == 0:
        return 0.0
    return error / allowed if allowed > 0 else math.inf


def _index(index: Iterable[int]) -> str:
    return f"[{','.join(str(it) for it in index)}]"


def _failure(value: Value) -> str:
    return value.message if isinstance(value, Failure) else "torch failed where the runtime did not"


def _kind(value: Value) -> str:
    return f"tensor of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
