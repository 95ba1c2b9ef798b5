"""Schemas of the user's own operators: whether they are right, and which C++ types they stand for.

A kernel is called with what lies on the interpreter's stack. So the compiler compares the types of
its function with its schema, as torch does when it registers one (`c10/core/op_registration`).
"""

import re
from dataclasses import dataclass
from itertools import product
from typing import Final

from builder.libtorch.catalogue import argument_pieces, encode_arguments

_LONGEST: Final = 20_000  # characters
_DEEPEST: Final = 12  # types inside of types
_ALIAS: Final = re.compile(r"\(\s*[a-z]\w*(?:\s*\|\s*[a-z]\w*)*\s*!?(?:\s*->[\s*\w|]*)?\s*\)")
_WORD: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_LIST: Final = re.compile(r"\[\s*(\d*)\s*\]")
_ARGUMENT: Final = re.compile(r"(?P<type>.*[\s)\]?])(?P<name>[A-Za-z_]\w*)", re.DOTALL)
_PIECE: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|.""", re.DOTALL)
_CLASS: Final = "__torch__.torch.classes."

_PLAIN: Final = {
    "Tensor": ("at::Tensor",),
    "int": ("int64_t",),
    "SymInt": ("c10::SymInt", "int64_t"),
    "float": ("double",),
    "bool": ("bool",),
    "complex": ("c10::complex<double>",),
    "str": ("std::string", "c10::string_view", "std::string_view"),
    "Scalar": ("at::Scalar",),
    "ScalarType": ("at::ScalarType",),
    "Device": ("at::Device",),
    "Layout": ("at::Layout",),
    "MemoryFormat": ("at::MemoryFormat",),
    "Generator": ("at::Generator",),
}
"""The types a kernel may take for each type that is no list: the first is the usual one."""

_CONTAINERS: Final = frozenset({"Dict", "Future", "Await", "RRef"})
_LISTS: Final = ("c10::List<{}>", "std::vector<{}>", "c10::ArrayRef<{}>")


class SchemaError(ValueError):
    """A schema that torch would not accept, or that no runtime can have."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or a result. `types` are the C++ types it may be; none where any is right."""

    name: str
    written: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What the function of a kernel takes and returns."""

    arguments: tuple[Parameter, ...]
    results: tuple[Parameter, ...]


def signature_of(schema: str) -> Signature:
    """Return what a kernel of a schema takes and returns; raise `SchemaError` for a wrong one."""
    if len(schema) > _LONGEST:
        raise SchemaError(f"it has more than {_LONGEST} characters")
    arguments, results = _halves(schema)
    pieces = [piece for piece in argument_pieces(schema) if piece != "*"]
    signature = Signature(tuple(map(_argument, pieces)), tuple(map(_result, _results(results))))
    if arguments.count("*,") + arguments.endswith("*") > 1:
        raise SchemaError("`*` stands in it more than once")
    names = [it.name for it in signature.arguments]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SchemaError(f"two arguments are called {twice}")
    try:
        encode_arguments(schema)
    except (ValueError, OverflowError, IndexError) as error:
        raise SchemaError(f"a default of it cannot be read ({error})") from error
    return signature


def _halves(schema: str) -> tuple[str, str]:
    """Return what stands between the parentheses, and what stands after the arrow."""
    opening = schema.index("(")
    closing = _closing(schema, opening)
    if closing is None:
        raise SchemaError("a parenthesis is not closed")
    rest = schema[closing + 1 :].strip()
    if not rest.startswith("->"):
        raise SchemaError("`->` and the results are missing after the arguments")
    return schema[opening + 1 : closing].strip(), rest.removeprefix("->").strip()


def _closing(text: str, opening: int) -> int | None:
    """Return where the bracket closes that opens there; those in strings are none."""
    depth = 0
    for piece in _PIECE.finditer(text, opening):
        depth += (piece.group() in "([") - (piece.group() in ")]")
        if depth == 0:
            return piece.start()
    return None


def _argument(piece: str) -> Parameter:
    if piece == "...":
        raise SchemaError("it takes any number of arguments, which a kernel of C++ cannot")
    declaration, separator, default = piece.partition("=")
    match = _ARGUMENT.fullmatch(declaration.strip())
    if match is None:
        raise SchemaError(f"{piece!r} is no type and name of an argument")
    if separator and not default.strip():
        raise SchemaError(f"the default of {match['name']} is missing")
    written = match["type"].strip()
    return Parameter(match["name"], written, _types(written))


def _result(piece: str) -> Parameter:
    named = _ARGUMENT.fullmatch(piece)
    written, name = (named["type"].strip(), named["name"]) if named else (piece, "")
    return Parameter(name, written, _types(written))


def _results(text: str) -> list[str]:
    if not text:
        raise SchemaError("nothing stands after `->`: write `-> ()` if it returns nothing")
    whole = text.startswith("(") and _closing(text, 0) == len(text) - 1
    if not whole:
        return [text]
    return list(argument_pieces(text))


def _types(written: str) -> tuple[str, ...]:
    types, rest = _parse(written, 0)
    if rest.strip():
        raise SchemaError(f"{written!r} is no type")
    return types


def _parse(text: str, depth: int) -> tuple[tuple[str, ...], str]:
    """Return the C++ types at the beginning of a text, and the rest of it."""
    if depth > _DEEPEST:
        raise SchemaError("its types are nested too deep")
    text = text.lstrip()
    if text.startswith("("):
        types, rest = _inside(text, depth)
    else:
        word = _WORD.match(text)
        if word is None:
            raise SchemaError(f"{text!r} is no type")
        types, rest = _named(word.group(), text[word.end() :], depth)
    return _suffixed(types, rest)


def _named(word: str, rest: str, depth: int) -> tuple[tuple[str, ...], str]:
    if word.startswith(_CLASS):
        raise SchemaError(f"{word} is a custom class, which cannot be in a runtime")
    if word in _CONTAINERS:
        if not rest.lstrip().startswith("("):
            raise SchemaError(f"{word} needs the types that are in it")
        return _inside(rest.lstrip(), depth)
    if word in _PLAIN:
        return _PLAIN[word], rest
    if re.fullmatch(r"t\d*|Any|AnyEnumType|Stream|Storage|Dimname|NoneType|number", word):
        return (), rest
    raise SchemaError(f"there is no type {word!r}")


def _inside(text: str, depth: int) -> tuple[tuple[str, ...], str]:
    """Read the types between parentheses: of the whole, which C++ has several for, none is told."""
    closing = _closing(text, 0)
    if closing is None:
        raise SchemaError("a parenthesis is not closed")
    for piece in argument_pieces(text[: closing + 1]):
        _, rest = _parse(piece, depth + 1)
        if rest.strip():
            raise SchemaError(f"{piece!r} is no type")
    return (), text[closing + 1 :]


def _suffixed(types: tuple[str, ...], rest: str) -> tuple[tuple[str, ...], str]:
    while True:
        if alias := _ALIAS.match(rest):
            rest = rest[alias.end() :]
        elif rest.startswith("?"):
            optional = tuple(f"std::optional<{it}>" for it in types)
            types = (*optional, *(_optional_array(it) for it in types if "ArrayRef<" in it))
            rest = rest[1:]
        elif listed := _LIST.match(rest):
            more = (f"std::array<{{}}, {listed[1]}>",) if listed[1] else ()
            types = tuple(form.format(it) for form, it in product((*_LISTS, *more), types))
            rest = rest[listed.end() :]
        else:
            return types, rest


def _optional_array(array: str) -> str:
    return array.replace("c10::ArrayRef<", "c10::OptionalArrayRef<", 1)
