"""Named tuples that no lite interpreter reads become plain ones: fields have places, too.

Its parser of types (`torch/csrc/jit/mobile/type_parser.cpp`) takes each name that begins with
`torch.` for a class of C++, as `PackedSequence`, and knows no named tuple inside of another type.
"""

from collections import Counter
from typing import Final

import torch

from builder.models.conversion.repairs.graphs import Code, Type, values_of

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
            value.setType(_plain(type_))
            found.update(f"named tuple {it} became a plain one" for it in _names(type_))
    return found


def _name(type_: Type) -> str:
    """Return the name of a named tuple; nothing for other types."""
    text = type_.annotation_str if type_.kind() == "TupleType" else ""
    return text.removeprefix(_NAMED) if text.startswith(_NAMED) else ""


def _names(type_: Type) -> set[str]:
    """Return the names of all named tuples in a type."""
    inside = set().union(*map(_names, _inside(type_)))
    return inside | ({_name(type_)} if _name(type_) else set())


def _inside(type_: Type) -> list[Type]:
    return [] if type_.kind() == "ClassType" else list(type_.containedTypes())


def _is_unreadable(type_: Type) -> bool:
    name = _name(type_)
    return name.startswith("torch.") or any(map(_names, _inside(type_)))


def _plain(type_: Type) -> Type:
    match type_.kind():
        case "TupleType":
            return torch.TupleType([_plain(it) for it in type_.elements()])
        case "ListType":
            return torch.ListType(_plain(type_.getElementType()))
        case "OptionalType":
            return torch.OptionalType(_plain(type_.getElementType()))
        case "DictType":
            return torch.DictType(_plain(type_.getKeyType()), _plain(type_.getValueType()))
        case _:
            return type_
