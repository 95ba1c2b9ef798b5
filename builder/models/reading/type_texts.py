"""What the lite interpreter's parser of types cannot read, as `torch/csrc/jit/mobile` has it.

Torch saves models with such types, and then loads them no more: neither its own runtime nor ours.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from builder.models.formats.pickle_values import Call

_CLASS: Final = re.compile(r"__torch__((?:\.\w+)+)(\s*\[\s*NamedTuple\b)?")
_TORCHBIND: Final = ".torch.classes."
_WHOLE: Final = ("__torch__.", "torch.jit.")
_DEPTH: Final = 50  # of constants in constants


def unreadable_in_table(types: Iterable[str]) -> Iterator[str]:
    """Yield what cannot be read of a function's table, where a type may name those before it."""
    defined: set[str] = set()
    for text in types:
        yield from _undefined(text, defined)


def unreadable_in_schema(types: Iterable[str]) -> Iterator[str]:
    """Yield what cannot be read of the types of arguments and results: each stands alone.

    A class by itself is taken for a module's.
    """
    for text in types:
        if not text.startswith(_WHOLE):
            yield from _undefined(text, set())


def _undefined(text: str, defined: set[str]) -> Iterator[str]:
    for match in _CLASS.finditer(text):
        name, definition = match.groups()
        if name.startswith(_TORCHBIND):
            continue
        # what begins like a TorchBind class is read as one, a named tuple too
        if name.startswith(".torch.") or (not definition and name not in defined):
            yield f"__torch__{name}"
        defined.add(name)


def objects_in(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the classes a constant has values of: enumerations, which are saved as objects."""
    match value:
        case Call(function=function, arguments=arguments):
            name = f"{function.module}.{function.name}"
            if name.startswith("__torch__.") and not name.startswith(f"__torch__{_TORCHBIND}"):
                yield name
            elif depth < _DEPTH:
                yield from objects_in(arguments, depth + 1)
        case tuple() | list() if depth < _DEPTH:
            for item in value:
                yield from objects_in(item, depth + 1)
        case dict() if depth < _DEPTH:
            for item in (*value.keys(), *value.values()):
                yield from objects_in(item, depth + 1)
