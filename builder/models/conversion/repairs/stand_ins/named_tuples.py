"""Named tuples that no lite interpreter reads become plain ones: fields have places, too.

Its parser of types (`torch/csrc/jit/mobile/type_parser.cpp`) takes each name that begins with
`torch.` for a class of C++, as `PackedSequence`, and knows no named tuple inside of another type.
"""

from collections import Counter
from typing import Final

from builder.models.conversion.repairs.graphs import Code, Type, values_of
from builder.models.conversion.repairs.stand_ins.retyping import parts_of, retyped

_NAMED: Final = "__torch__."


def forget_names(code: Code) -> Counter[str]:
    """Take the names from such tuples in a method; return which, and for how many values.

    A method that is given or answers one stays as it is: its signature cannot be changed.
    """
    signature = (*code.graph.inputs(), *code.graph.outputs())
    if any(_is_unreadable(it.type()) for it in signature):
        return Counter()
    found: Counter[str] = Counter()
    for value in values_of(code.graph):
        type_ = value.type()
        if _is_unreadable(type_):
            value.setType(retyped(type_, lambda _: None))
            found.update(f"named tuple {it} became a plain one" for it in _names(type_))
    return found


def _name(type_: Type) -> str:
    """Return the name of a named tuple; nothing for other types."""
    text = type_.annotation_str if type_.kind() == "TupleType" else ""
    return text.removeprefix(_NAMED) if text.startswith(_NAMED) else ""


def _names(type_: Type) -> set[str]:
    """Return the names of all named tuples in a type."""
    return set(filter(None, map(_name, parts_of(type_))))


def _is_unreadable(type_: Type) -> bool:
    inside = _names(type_) - {_name(type_)}
    return bool(inside) or _name(type_).startswith("torch.")
