"""The types of TorchScript: which is a part of which, and how both source and schemas write them.

Rules: `aten/src/ATen/core/type.cpp` and `jit_type.h`. What no rule here covers is left to torch.
"""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class UnsureError(Exception):
    """What a model's source means is not certain: torch has to be asked."""


class Kind(StrEnum):
    """What a type is; the value is how source writes it."""

    TENSOR = "Tensor"
    INT = "int"
    FLOAT = "float"
    COMPLEX = "complex"
    NUMBER = "number"
    BOOL = "bool"
    STR = "str"
    NONE = "NoneType"
    DEVICE = "Device"
    GENERATOR = "Generator"
    STREAM = "Stream"
    STORAGE = "Storage"
    QSCHEME = "QScheme"
    ANY = "Any"
    ANY_ENUM = "AnyEnumType"
    ANY_CLASS = "AnyClassType"
    LIST = "List"
    DICT = "Dict"
    TUPLE = "Tuple"
    OPTIONAL = "Optional"
    CLASS = "class"
    INTERFACE = "interface"
    ENUM = "enumeration"
    VARIABLE = "variable"

    __hash__ = str.__hash__  # an enumeration's own is ten times slower, and asked for all the time


_MAX_SIZE: Final = 2000  # of a type; a pair of pairs of pairs doubles it each time
_MUTABLE: Final = frozenset({
    Kind.TENSOR, Kind.LIST, Kind.DICT, Kind.CLASS, Kind.INTERFACE, Kind.ANY, Kind.ANY_CLASS,
    Kind.STORAGE, Kind.VARIABLE,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """A type. `parts` are those of a container; `name` is of a class, a named tuple, a variable.

    `fields` are the names in a named tuple, which only some have a name of their own.
    """

    kind: Kind
    parts: tuple["Type", ...] = ()
    name: str = ""
    fields: tuple[str, ...] = ()
    size: int = field(init=False, compare=False, repr=False)
    """How many types it is made of, itself among them."""

    mutable: bool = field(init=False, compare=False, repr=False)
    """Whether a value of it can be changed, or holds one that can."""

    def __post_init__(self) -> None:
        """Find out once what is asked for all the time; raise `UnsureError` for endless types."""
        size = 1 + sum(part.size for part in self.parts)
        if size > _MAX_SIZE:
            raise UnsureError("it has a type that is too large")
        object.__setattr__(self, "size", size)
        mutable = self.kind in _MUTABLE or any(part.mutable for part in self.parts)
        object.__setattr__(self, "mutable", mutable)

    @property
    def element(self) -> "Type":
        """What a list or an optional holds."""
        return self.parts[0]

    def __str__(self) -> str:
        """Return the text that source has for it."""
        if self.name:
            return self.name
        if self.kind is Kind.TUPLE and not self.parts:
            return "Tuple[()]"
        inner = ", ".join(map(str, self.parts))
        return f"{self.kind.value}[{inner}]" if self.parts else self.kind.value


def bytecode_text(type_: Type) -> str:
    """Return the text that a lite model has for a type; raise `UnsureError` where none can be.

    See `getFunctionTuple` in `torch/csrc/jit/serialization/export_module.cpp`.
    """
    match type_.kind:
        case Kind.DICT:
            return f"Dict[{','.join(map(_with_fields, type_.parts))}]"
        case Kind.TUPLE:
            return _with_fields(type_)
        case _:
            pass
    text = str(type_)
    if text.startswith("__torch__") and not text.startswith("__torch__.torch.classes"):
        raise UnsureError(f"it makes an object of {text}")
    return text


def _with_fields(type_: Type) -> str:
    if type_.kind is not Kind.TUPLE or not type_.name:
        return str(type_)
    fields = zip(type_.fields, map(_with_fields, type_.parts), strict=True)
    return f"{type_.name}[NamedTuple, [{','.join(f'[{name}, {text}]' for name, text in fields)}]]"


TENSOR: Final = Type(Kind.TENSOR)
INT: Final = Type(Kind.INT)
FLOAT: Final = Type(Kind.FLOAT)
COMPLEX: Final = Type(Kind.COMPLEX)
NUMBER: Final = Type(Kind.NUMBER)
BOOL: Final = Type(Kind.BOOL)
STR: Final = Type(Kind.STR)
NONE: Final = Type(Kind.NONE)
DEVICE: Final = Type(Kind.DEVICE)
ANY: Final = Type(Kind.ANY)

_NUMBERS: Final = frozenset({Kind.INT, Kind.FLOAT, Kind.COMPLEX})


def list_of(element: Type) -> Type:
    """Return the type of a list."""
    return Type(Kind.LIST, (element,))


def optional_of(element: Type) -> Type:
    """Return the type that may be None besides; an optional stays as it is."""
    return element if element.kind is Kind.OPTIONAL else Type(Kind.OPTIONAL, (element,))


def without_optional(type_: Type) -> Type:
    """Return what an optional holds, any other type as it is."""
    return type_.element if type_.kind is Kind.OPTIONAL else type_


def is_subtype(one: Type, other: Type) -> bool:  # noqa: PLR0911  one line for each kind
    """Whether each value of one type is of the other, too."""
    if one == other or other.kind is Kind.ANY:
        return True
    if one.kind is Kind.INTERFACE or other.kind is Kind.INTERFACE:
        raise UnsureError("it converts between interfaces")
    match other.kind:
        case Kind.OPTIONAL:
            return one.kind is Kind.NONE or is_subtype(without_optional(one), other.element)
        case Kind.NUMBER:
            return one.kind in _NUMBERS
        case Kind.ANY_ENUM:
            return one.kind is Kind.ENUM
        case Kind.ANY_CLASS:
            return one.kind is Kind.CLASS
        case Kind.TUPLE:
            return _is_subtuple(one, other)
        case _:
            return False


def _is_subtuple(one: Type, other: Type) -> bool:
    if one.kind is not Kind.TUPLE or len(one.parts) != len(other.parts):
        return False
    named = not other.fields or (one.name == other.name and one.fields == other.fields)
    return named and all(map(is_subtype, one.parts, other.parts))


def unified(one: Type, other: Type) -> Type | None:  # noqa: PLR0911  one line for each kind
    """Return the one type that both are of, if they go together."""
    if is_subtype(one, other):
        return other
    if is_subtype(other, one):
        return one
    match one.kind, other.kind:
        case (Kind.NONE, _):
            return optional_of(other)
        case (_, Kind.NONE):
            return optional_of(one)
        case (Kind.OPTIONAL, _) | (_, Kind.OPTIONAL):
            inner = unified(without_optional(one), without_optional(other))
            return optional_of(inner) if inner is not None else None
        case (Kind.TUPLE, Kind.TUPLE) if len(one.parts) == len(other.parts):
            parts = [unified(*pair) for pair in zip(one.parts, other.parts, strict=True)]
            found = tuple(part for part in parts if part is not None)
            return Type(Kind.TUPLE, found) if len(found) == len(parts) else None
    return None


def unified_all(types: Iterable[Type]) -> Type:
    """Return the one type that all are of; raise `UnsureError` when there is none."""
    found: Type | None = None
    for type_ in types:
        found = type_ if found is None else unified(found, type_)
        if found is None:
            raise UnsureError("it puts values of different types together")
    if found is None:
        raise UnsureError("it asks for the type of nothing")
    return found


_WRITTEN: Final = (
    Kind.TENSOR, Kind.INT, Kind.FLOAT, Kind.COMPLEX, Kind.NUMBER, Kind.BOOL, Kind.STR, Kind.NONE,
    Kind.DEVICE, Kind.GENERATOR, Kind.STREAM, Kind.STORAGE, Kind.QSCHEME, Kind.ANY, Kind.ANY_ENUM,
    Kind.ANY_CLASS,
)  # fmt: skip
_PLAIN: Final = {it.value: Type(it) for it in _WRITTEN} | {
    "Layout": INT, "ScalarType": INT, "MemoryFormat": INT,
}  # fmt: skip
_CONTAINERS: Final = {"List": 1, "Dict": 2, "Optional": 1, "Final": 1}


def plain(name: str) -> Type | None:
    """Return the type that a single name stands for, if it is one of TorchScript's own."""
    return _PLAIN.get(name)


def container(name: str, parts: tuple[Type, ...]) -> Type:
    """Return a type that is made of others; raise `UnsureError` for one that is not known."""
    if name == "Tuple":
        return Type(Kind.TUPLE, parts)
    if _CONTAINERS.get(name) != len(parts):
        raise UnsureError(f"it has the type {name}")
    if name == "Final":
        return parts[0]
    return optional_of(parts[0]) if name == "Optional" else Type(Kind(name), parts)


def dotted(node: ast.expr) -> str:
    """Return a chain of names as text, nothing for another expression."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join((node.id, *reversed(names)))


_SCHEMA_PLAIN: Final = {
    "SymInt": INT, "ScalarType": INT, "Layout": INT, "MemoryFormat": INT, "DeviceIndex": INT,
    "Scalar": NUMBER, "Dimname": STR, "SymBool": BOOL, "DeviceObjType": DEVICE,
}  # fmt: skip
_ALIAS: Final = re.compile(r"(?<=[\w\])?])\([a-z*][a-z0-9|!* >-]*\)")
_DICTIONARY: Final = re.compile(r"Dict\((?P<key>[^,]+), *(?P<value>.+)\)")
_SUFFIX: Final = re.compile(r"(?P<inner>.*\S) ?\[(?P<length>\d*)\]")
_VARIABLE: Final = re.compile(r"t\d?|tVal")
_CLASS_PREFIX: Final = "__torch__."


def schema_type(text: str) -> Type:  # noqa: PLR0911  one line for each form
    """Return the type that a schema writes; raise `UnsureError` for one that is not known."""
    text = _ALIAS.sub("", text).strip()
    if text.endswith("?"):
        return optional_of(schema_type(text[:-1]))
    if (match := _SUFFIX.fullmatch(text)) is not None:
        return list_of(schema_type(match["inner"]))
    if (match := _DICTIONARY.fullmatch(text)) is not None:
        return Type(Kind.DICT, (schema_type(match["key"]), schema_type(match["value"])))
    if text.startswith("(") and text.endswith(")"):
        return Type(Kind.TUPLE, tuple(map(schema_type, split_types(text[1:-1]))))
    if _VARIABLE.fullmatch(text):
        return Type(Kind.VARIABLE, name=text)
    if text.startswith(_CLASS_PREFIX):
        return Type(Kind.CLASS, name=text)
    found = _SCHEMA_PLAIN.get(text) or _PLAIN.get(text)
    if found is None:
        raise UnsureError(f"an operator has the type {text}")
    return found


def split_types(text: str) -> list[str]:
    """Split types at the commas that stand in no brackets."""
    pieces, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces if piece.strip()]
