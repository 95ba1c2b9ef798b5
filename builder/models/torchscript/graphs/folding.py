"""What operators make of constants alone: the few that decide branches after inlining."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from builder.models.torchscript.graphs.nodes import (
    Node,
    Value,
    constant,
)
from builder.models.torchscript.signatures.kinds import NONE, Kind, Type, UnsureError
from builder.models.torchscript.signatures.literals import Literal, Opaque

_Computed = Callable[..., Any]


def _is(one: Literal, other: Literal) -> bool:
    if one is None or other is None:
        return one is other
    raise UnsureError("it compares constants by identity")


_OPERATORS: Final[Mapping[str, _Computed]] = {
    "aten::add": operator.add, "aten::sub": operator.sub, "aten::mul": operator.mul,
    "aten::div": operator.truediv, "aten::floordiv": operator.floordiv,
    "aten::remainder": operator.mod, "aten::neg": operator.neg,
    "aten::eq": operator.eq, "aten::ne": operator.ne, "aten::lt": operator.lt,
    "aten::le": operator.le, "aten::gt": operator.gt, "aten::ge": operator.ge,
    "aten::__and__": operator.and_, "aten::__or__": operator.or_, "aten::__xor__": operator.xor,
    "aten::__not__": operator.not_, "aten::Bool": bool, "aten::Int": int, "aten::Float": float,
    "aten::len": len, "aten::__is__": _is, "aten::__isnot__": lambda a, b: not _is(a, b),
    "aten::_unwrap_optional": lambda value: value,
}  # fmt: skip
_RANGE: Final = range(-(2**63), 2**63)


def folded(node: Node) -> Value | None:
    """Return the constant a node makes of constants; None where it makes nothing of them.

    Raise `UnsureError` for an operator that is not known here.
    """
    if node.schema is not None and node.schema.variadic:
        return None
    literals = [it.literal for it in node.inputs]
    if len(node.outputs) != 1:
        raise UnsureError(f"it computes {node.kind} of constants")
    value = node.output
    match node.kind:
        case "prim::TupleConstruct":
            return constant(tuple(literals), value.type)
        case "prim::unchecked_cast":
            return constant(literals[0], value.type if literals[0] is None else node.inputs[0].type)
        case "prim::TupleIndex":
            return _part(literals, value.type)
        case "aten::device" if all(isinstance(it, str | int) for it in literals):
            text = ":".join(map(str, literals))
            return constant(Opaque(f"device {text}", text), value.type)
        case kind if kind in _OPERATORS:
            return _computed(_OPERATORS[kind], literals, value.type)
        case kind:
            raise UnsureError(f"it computes {kind} of constants")


def _part(literals: list[Literal], type_: Type) -> Value | None:
    match literals:
        case [tuple(parts), int(index)] if -len(parts) <= index < len(parts):
            found = parts[index]
            return constant(found, NONE if found is None and type_ == NONE else type_)
        case _:
            return None


def _computed(compute: _Computed, literals: list[Literal], type_: Type) -> Value | None:
    if any(isinstance(it, Opaque | tuple) for it in literals):
        raise UnsureError("it computes with a constant of another kind")
    try:
        found = compute(*literals)
    except (ArithmeticError, TypeError, ValueError):
        return None
    if type_.kind is Kind.INT and (isinstance(found, bool) or found not in _RANGE):
        raise UnsureError("it computes a number that does not fit")
    if isinstance(found, str) and len(found) > 100_000:  # noqa: PLR2004
        raise UnsureError("it computes a long text")
    return constant(found, type_)
