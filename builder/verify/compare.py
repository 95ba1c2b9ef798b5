"""Compare what the runtime answers with what desktop torch answers, element by element."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from builder.values import Failure, Tensor, Value


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Numbers agree when `|actual - expected| <= absolute + relative * |expected|`."""

    relative: float
    absolute: float


TOLERANCES: Final[Mapping[str, Tolerance]] = {
    "float16": Tolerance(1e-2, 1e-3),
    "bfloat16": Tolerance(2e-2, 1e-2),
    "float32": Tolerance(1e-4, 1e-5),
    "float64": Tolerance(1e-7, 1e-9),
    "complex64": Tolerance(1e-4, 1e-5),
    "complex128": Tolerance(1e-7, 1e-9),
}
"""By dtype; what is not named here (integers, booleans) must be equal. Python floats are float64."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the answers differ: a path into the value, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        """Return `output[0]: …`."""
        return f"{self.path}: {self.reason}"


def compare(actual: Value, expected: Value, path: str = "output") -> tuple[Difference, ...]:
    """Return every place where two answers differ; empty when they agree."""
    return tuple(_differences(actual, expected, path))


def _differences(actual: Value, expected: Value, path: str) -> Iterator[Difference]:
    if isinstance(actual, Failure) or isinstance(expected, Failure):
        if actual != expected:
            yield Difference(path, f"the runtime failed: {_failure(actual)}")
    elif type(actual) is not type(expected):
        yield Difference(path, f"is a {_kind(actual)}, torch answers a {_kind(expected)}")
    elif isinstance(actual, Tensor) and isinstance(expected, Tensor):
        yield from _tensors(actual, expected, path)
    elif isinstance(actual, list | tuple) and isinstance(expected, list | tuple):
        if len(actual) != len(expected):
            yield Difference(path, f"has {len(actual)} items, torch answers {len(expected)}")
        for index, (one, other) in enumerate(zip(actual, expected, strict=False)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif isinstance(actual, dict) and isinstance(expected, dict):
        if list(actual) != list(expected):
            yield Difference(path, f"has keys {list(actual)}, torch answers {list(expected)}")
        for key in expected:
            if key in actual:
                yield from _differences(actual[key], expected[key], f"{path}[{key!r}]")
    elif isinstance(actual, float) and isinstance(expected, float):
        limit = TOLERANCES["float64"]
        both_nan = actual != actual and expected != expected  # noqa: PLR0124  the test for NaN
        if not both_nan and abs(actual - expected) > limit.absolute + limit.relative * abs(
            expected
        ):
            yield Difference(path, f"is {actual!r}, torch answers {expected!r}")
    elif actual != expected:
        yield Difference(path, f"is {actual!r}, torch answers {expected!r}")


def _failure(value: Value) -> str:
    return value.message if isinstance(value, Failure) else "torch failed where the runtime did not"


def _kind(value: Value) -> str:
    return f"tensor of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def _tensors(actual: Tensor, expected: Tensor, path: str) -> Iterator[Difference]:
    if (actual.dtype, actual.shape) != (expected.dtype, expected.shape):
        yield Difference(
            path,
            f"is {actual.dtype}{list(actual.shape)}, torch answers"
            f" {expected.dtype}{list(expected.shape)}",
        )
        return
    if actual.data == expected.data:
        return
    import numpy as np  # noqa: PLC0415  (most commands never compare)

    one, other = actual.numpy(), expected.numpy()
    tolerance = TOLERANCES.get(actual.dtype, Tolerance(0.0, 0.0))
    near = np.isclose(one, other, tolerance.relative, tolerance.absolute, equal_nan=True)
    if near.all():
        return
    wide = "complex128" if np.iscomplexobj(one) else "float64"
    distance = np.where(near, 0.0, np.abs(one.astype(wide) - other.astype(wide)))
    distance = np.where(near | ~np.isnan(distance), distance, np.inf)
    worst = np.unravel_index(int(distance.argmax()), distance.shape)
    place = ",".join(str(int(index)) for index in worst)
    yield Difference(
        path,
        f"{int((~near).sum())} of {near.size} elements differ beyond rtol {tolerance.relative:g}"
        f" atol {tolerance.absolute:g}; worst at [{place}]: {one[worst]!s}, torch answers {other[worst]!s}",
    )
