"""Operators that limit what another one answers: relu, relu6, hardtanh, clamp."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from builder.models.conversion.repairs.graphs import Node, Value, overload_of, users_of
from builder.models.conversion.rewrites.constants import constants_of

Limit = float | int | None
"""The smallest or largest answer; None where there is none."""


@dataclass(frozen=True, slots=True)
class Clamp:
    """The limits of answers, and the node that applies them, if there is one."""

    least: Limit = None
    most: Limit = None
    node: Node | None = None


def clamp_after(value: Value) -> Clamp:
    """Return the limits that apply to a value before anything else sees it."""
    users = users_of(value)
    if len(users) != 1 or users[0].kind() not in _LIMITS:
        return Clamp()
    found = _LIMITS[users[0].kind()](users[0])
    if found is None or not all(map(_is_limit, found)):
        return Clamp()
    least, most = found
    low = -math.inf if least is None else least
    high = math.inf if most is None else most
    return Clamp(least, most, users[0]) if low < high else Clamp()


def _is_limit(value: object) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value))  # type: ignore[arg-type]


def _given(node: Node) -> tuple[Limit, Limit] | None:
    """Return the limits that an operator is given as numbers."""
    known = constants_of(node, (1, 2))
    return None if known is None or overload_of(node) else (known[0], known[1])


def _given_least(node: Node) -> tuple[Limit, Limit] | None:
    known = constants_of(node, (1,))
    return None if known is None or overload_of(node) else (known[0], None)


def _given_most(node: Node) -> tuple[Limit, Limit] | None:
    known = constants_of(node, (1,))
    return None if known is None or overload_of(node) else (None, known[0])


_LIMITS: Final[Mapping[str, Callable[[Node], tuple[Limit, Limit] | None]]] = {
    "aten::relu": lambda _: (0.0, None),
    "aten::relu6": lambda _: (0.0, 6.0),
    "aten::hardtanh": _given,
    "aten::clamp": _given,
    "aten::clamp_min": _given_least,
    "aten::clamp_max": _given_most,
}
