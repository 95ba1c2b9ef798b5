"""What a schema says of an operator: arguments, their defaults, results, and what it changes."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from builder.libtorch.catalogue import Catalogue, argument_pieces
from builder.models.torchscript.signatures.kinds import (
    FLOAT,
    Kind,
    Type,
    UnsureError,
    schema_type,
    split_types,
    without_optional,
)
from builder.models.torchscript.signatures.literals import Literal
from builder.models.torchscript.signatures.overloads import Overloads
from builder.vocabulary.operators import OperatorName

_PROMOTED: Final = (
    "aten::Bool.Tensor(Tensor a) -> bool",
    "aten::__getitem__.Dict_str(Dict(str, t) self, str key) -> t(*)",
    "aten::__is__(t1 self, t2 obj) -> bool",
    "aten::__isnot__(t1 self, t2 obj) -> bool",
    "aten::__not__(bool self) -> bool",
    "aten::dim(Tensor self) -> int",
    "aten::format(str self, ...) -> str",
    "prim::NumToTensor.Scalar(Scalar a) -> Tensor",
    "prim::RaiseException(str msg, str? cls=None) -> ()",
    "prim::device(Tensor a) -> Device",
    "prim::dtype(Tensor a) -> int",
    "prim::is_cuda(Tensor a) -> bool",
    "prim::layout(Tensor a) -> Layout",
)
"""Schemas of what the interpreter itself has, which the catalogue names without."""

_LENGTH: Final = re.compile(r"\[(\d+)\](?:\([^)]*\))?\??$")
_WRITTEN: Final = re.compile(r"\([a-z0-9|]*!")
_BECOMES_WILD: Final = re.compile(r"-> ?\*\)")
_ALIASED: Final = re.compile(r"\(([a-z]\d?(?:\|[a-z]+)*)!?(?: ->.*)?\)")
_WILD: Final = "(*)"
_CONSTANTS: Final[Mapping[str, Literal]] = {
    "None": None, "True": True, "False": False, "contiguous_format": 0, "preserve_format": 1,
    "Mean": 1, "Sum": 2, "long": 4, "inf": float("inf"),
}  # fmt: skip


class Missing:
    """Stands for a default that is not there."""


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument. `length` is of a list that may be given as one number; `default` in its stead.

    `written`: the operator changes it. `escapes`: something else holds it afterwards. `alias` is
    the name by which results are told to be the same.
    """

    name: str
    type: Type
    keyword: bool = False
    default: Literal | Missing = MISSING
    length: int = 0
    written: bool = False
    escapes: bool = False
    alias: str = ""

    @property
    def out(self) -> bool:
        """Whether the operator writes its result there."""
        return self.keyword and self.written


@dataclass(frozen=True, slots=True)
class Result:
    """A result. `aliases` are the arguments it may be the same as, `*` if it may be anything."""

    type: Type
    name: str = ""
    aliases: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Schema:
    """A schema, parsed."""

    name: OperatorName
    arguments: tuple[Argument, ...]
    results: tuple[Result, ...]
    variadic: bool = False

    @cached_property
    def mutable(self) -> bool:
        """Whether it changes any argument."""
        return any(it.written for it in self.arguments)


def parse_schema(text: str) -> Schema:
    """Parse a schema; raise `UnsureError` for what is not known."""
    name = OperatorName.parse(text.partition("(")[0])
    arguments: list[Argument] = []
    keyword, variadic = False, False
    for piece in argument_pieces(text):
        if piece == "*":
            keyword = True
        elif piece == "...":
            variadic = True
        else:
            arguments.append(_argument(piece, keyword=keyword))
    return Schema(name, tuple(arguments), tuple(_results(text.rpartition("->")[2])), variadic)


def _argument(piece: str, *, keyword: bool) -> Argument:
    declaration, given, written = piece.partition("=")
    text, _, name = declaration.strip().rpartition(" ")
    type_ = schema_type(text)
    length = _LENGTH.search(text)
    alias = _ALIASED.search(text)
    size = int(length[1]) if length is not None else 0
    default = _default(written, type_, size) if given else MISSING
    return Argument(
        name, type_, keyword, default, size,
        written=_WRITTEN.search(text) is not None,
        escapes=_BECOMES_WILD.search(text) is not None,
        alias=alias[1] if alias is not None else "",
    )  # fmt: skip


def _default(text: str, type_: Type, length: int) -> Literal:
    """Return the default as the value of a constant: a list as a tuple."""
    text = text.strip()
    inner = without_optional(type_)
    if inner.kind is Kind.LIST and text != "None":
        items = text[1:-1].split(",") if text.startswith("[") else [text] * max(length, 1)
        return tuple(_scalar(it.strip(), inner.element) for it in items if it.strip())
    return _scalar(text, inner)


def _scalar(text: str, type_: Type) -> Literal:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    try:
        value: Literal = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise UnsureError(f"an operator has the default {text}") from error
    return float(value) if type_ == FLOAT and isinstance(value, int) else value


def _results(text: str) -> Iterator[Result]:
    text = text.strip()
    pieces = split_types(text[1:-1]) if _parenthesised(text) else [text]
    for piece in pieces:
        if piece == "...":
            raise UnsureError("an operator has any number of results")
        kind, _, name = piece.rpartition(" ")
        named = kind and name.isidentifier() and kind[-1] not in ",|>-"
        written = kind if named else piece
        alias = _ALIASED.search(written)
        marks = "*" if _WILD in written else alias[1] if alias is not None else ""
        yield Result(
            schema_type(written), name if named else "", frozenset(filter(None, marks.split("|")))
        )


def _parenthesised(text: str) -> bool:
    """Whether the first bracket closes at the end."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0:
            return place == len(text) - 1 and letter == ")"
    return False


class Schemas:
    """The schemas of a release, parsed when they are asked for."""

    def __init__(self, catalogue: Catalogue, overloads: Overloads) -> None:
        """Take the operators of a catalogue, as the torch that converts knows them."""
        self._texts = {str(name): entry.schema for name, entry in catalogue.entries.items()}
        for text in (*_PROMOTED, *overloads.schemas):
            self._texts[text.partition("(")[0]] = text
        self._order = overloads.order
        self._parsed: dict[str, tuple[Schema, ...]] = {}

    def written(self, name: OperatorName) -> Schema | None:
        """Return one overload, whether torch has it or not; None for one that is not known."""
        text = self._texts.get(str(name))
        return parse_schema(text) if text else None

    def named(self, base: str) -> Sequence[Schema]:
        """Return all overloads of a name as `aten::add`, the one torch prefers first.

        None for a name that is not known; raise `UnsureError` for one whose schemas are not.
        """
        found = self._parsed.get(base)
        if found is None:
            names = [f"{base}.{it}" if it else base for it in self._order.get(base, ())]
            if missing := [it for it in names if not self._texts.get(it)]:
                raise UnsureError(f"no schema of {missing[0]} is known")
            found = tuple(parse_schema(self._texts[it]) for it in names)
            self._parsed[base] = found
        return found
