"""Types with others inside of them: which there are, and the same with substitutes."""

from collections.abc import Callable, Iterator

import torch

from builder.models.conversion.repairs.graphs import Type


def parts_of(type_: Type) -> Iterator[Type]:
    """Yield a type and all inside of it. Classes are not looked into: attributes are read alone."""
    yield type_
    if type_.kind() != "ClassType":
        for it in type_.containedTypes():
            yield from parts_of(it)


def retyped(type_: Type, substitute: Callable[[Type], Type | None]) -> Type:
    """Return a type with substitutes for what has one, be it inside; a tuple loses its name."""
    made = substitute(type_)
    if made is not None:
        return made
    match type_.kind():
        case "TupleType":
            return torch.TupleType([retyped(it, substitute) for it in type_.elements()])
        case "ListType":
            return torch.ListType(retyped(type_.getElementType(), substitute))
        case "OptionalType":
            return torch.OptionalType(retyped(type_.getElementType(), substitute))
        case "DictType":
            key, value = type_.getKeyType(), type_.getValueType()
            return torch.DictType(key, retyped(value, substitute))
        case _:
            return type_
