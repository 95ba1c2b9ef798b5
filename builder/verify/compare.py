"""Compare what the runtime answers with what desktop torch answers, element by element."""

import math
from collections.abc import Iterator, Mapping, Sequence
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
"""By dtype; the others (integers, booleans) must be equal. A Python float is float64."""


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
        yield from _sequences(actual, expected, path)
    elif isinstance(actual, dict) and isinstance(expected, dict):
        yield from _dicts(actual, expected, path)
    elif not _same_scalar(actual, expected):
        yield Difference(path, f"is {actual!r}, torch answers {expected!r}")


def _sequences(
    actual: Sequence[Value], expected: Sequence[Value], path: str
) -> Iterator[Difference]:
    if len(actual) != len(expected):
        yield Difference(path, f"has {len(actual)} items, torch answers {len(expected)}")
    for index, (one, other) in enumerate(zip(actual, expected, strict=False)):
        yield from _differences(one, other, f"{path}[{index}]")


def _dicts(
    actual: dict[Value, Value], expected: dict[Value, Value], path: str
) -> Iterator[Difference]:
    if list(actual) != list(expected):  # TorchScript's dicts keep the order of insertion
        yield Difference(path, f"has keys {list(actual)}, torch answers {list(expected)}")
    for key, item in expected.items():
        if key in actual:
            yield from _differences(actual[key], item, f"{path}[{key!r}]")


def _same_scalar(actual: Value, expected: Value) -> bool:
    if isinstance(actual, float) and isinstance(expected, float):
        if not (math.isfinite(actual) and math.isfinite(expected)):
            return repr(actual) == repr(expected)
        limit = TOLERANCES["float64"]
        return abs(actual - expected) <= limit.absolute + limit.relative * abs(expected)
    return actual == expected


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
    tolerance = TOLERANCES.get(actual.dtype)
    if tolerance is None:
        near, limits = one == other, ""
    else:
        # in the dtype itself the differences could overflow, and would be rounded
        wide = "complex128" if np.iscomplexobj(one) else "float64"
        one, other = one.astype(wide), other.astype(wide)
        near = np.isclose(one, other, tolerance.relative, tolerance.absolute, equal_nan=True)
        limits = f" beyond rtol {tolerance.relative:g} atol {tolerance.absolute:g}"
    if near.all():
        return
    with np.errstate(invalid="ignore", over="ignore"):
        kind = np.result_type(one, np.float64)
        distance = np.asarray(np.abs(np.subtract(one, other, dtype=kind)))
    distance[np.isnan(distance)] = np.inf
    distance[near] = -1.0
    worst = np.unravel_index(int(distance.argmax()), distance.shape)
    place = ",".join(str(int(index)) for index in worst)
    yield Difference(
        path,
        f"{int((~near).sum())} of {near.size} elements differ{limits};"
        f" worst at [{place}]: {one[worst]!s}, torch answers {other[worst]!s}",
    )
