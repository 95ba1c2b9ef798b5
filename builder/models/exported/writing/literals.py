"""Constants of a graph as TorchScript text, by the type that the operator's schema asks for."""

import math
import re

import torch

from builder.models.exported.problems import Problem
from builder.models.exported.writing.refused import Refused

_WIDEST = 2**63


def literal(value: object) -> str:
    """Return the text of a constant; raise `Refused` for what TorchScript cannot spell."""
    match value:
        case None | bool() | str():
            return repr(value)
        case int():
            return _integer(value)
        case float():
            return repr(value) if math.isfinite(value) else f"float('{value}')"
        case complex():
            return f"complex({literal(value.real)}, {literal(value.imag)})"
        case torch.dtype() | torch.layout() | torch.memory_format():
            return str(value)
        case torch.device():
            return f"torch.device('{value.type}')"
        case _:
            raise Refused(Problem(f"it has a constant of type {type(value).__name__}"))


def _integer(value: int) -> str:
    if not -_WIDEST < value < _WIDEST:
        raise Refused(Problem(f"the number {value} does not fit into 64 bits"))
    return str(int(value))


def number(text: str, value: object, kind: str) -> str:
    """Return a number as an argument of type `kind` takes it: TorchScript does not widen them."""
    plain = re.sub(r"^Optional\[(.*)\]$", r"\1", kind)
    if plain in {"float", "List[float]"} and isinstance(value, int | torch.SymInt):
        return f"float({text})"
    if plain == "bool" and isinstance(value, int) and not isinstance(value, bool):
        return repr(bool(value))
    if plain == "int" and isinstance(value, bool):
        return repr(int(value))
    return text
