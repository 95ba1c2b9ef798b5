"""What the code of a TorchScript archive names, read as text: enough to say what cannot be had.

The code is printed by torch (`torch/csrc/jit/serialization/python_print.cpp`): an operator of ATen
is `torch.NAME(…)`, one of another namespace `ops.NAMESPACE.NAME(…)`, and `ops` and `torch` are
names that no variable has there.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError
from builder.models.formats.identify import MAX_PICKLE
from builder.models.formats.pickles import read_pickle
from builder.models.reading.debug import SUFFIX, CodeLines
from builder.vocabulary.operators import SourceLine

MAX_CODE: Final = 64 << 20  # bytes of one file; the largest models have one or two MB
MAX_MENTIONS: Final = 10_000
_CODE: Final = "code/"
_INDENT: Final = 2  # of a method in its class
_ROOT: Final = "__torch__."

_TOKEN: Final = re.compile(
    r"""
    "(?:[^"\\\n]|\\.)*\\?(?:"|$)      # a text may hold anything; it ends where its line does
    | '(?:[^'\\\n]|\\.)*\\?(?:'|$)
    | ^class\ (?P<class>\w+)
    | ^(?P<indent>[ ]*)def\ (?P<function>\w+)
    | (?<![\w.])ops\.(?P<operator>[A-Za-z_]\w*\.[A-Za-z_]\w*)
    | (?<![\w.])torch\.(?P<aten>[A-Za-z_]\w*)\(
    | (?<![\w.])__torch__\.torch\.classes\.(?P<custom>\w+\.\w+)
    | (?<![\w.])(?P<fork>fork)\(
    | ^[ ]*(?P<with>with)[ ]
    """,
    re.VERBOSE | re.MULTILINE | re.ASCII,
)


class Named(StrEnum):
    """The kinds of things code can name."""

    OPERATOR = "operator"
    CLASS = "class"
    INSTRUCTION = "instruction"


@dataclass(frozen=True, slots=True)
class Mention:
    """One place of the code: an operator as `aten::relu`, a class as `quantized.Linear`, `FORK`.

    `method` is where it stands, as methods of bytecode are called; `line` is what it was made of.
    """

    kind: Named
    name: str
    method: str
    line: SourceLine | None


def read_mentions(archive: Archive, wanted: Callable[[Named, str], bool]) -> tuple[Mention, ...]:
    """Return what the code names and `wanted` asks for, by kind and name, in the order of the code.

    Raise `MalformedError` for an archive whose code cannot be read.
    """
    names = sorted(it for it in archive.records if it.startswith(_CODE) and it.endswith(".py"))
    found = (mention for name in names for mention in _in_file(archive, name, wanted))
    return tuple(islice(found, MAX_MENTIONS))


def _in_file(
    archive: Archive, name: str, wanted: Callable[[Named, str], bool]
) -> Iterator[Mention]:
    code = archive.read(name, limit=MAX_CODE)
    lines: CodeLines | None = None
    for kind, what, method, offset in _named(code.decode("latin-1")):  # so that offsets are bytes
        if wanted(kind, what):
            lines = lines or _lines(archive, name + SUFFIX)
            within = (_module(name) + method).rstrip(".")
            yield Mention(kind, what, within, lines.at(offset))


def _module(name: str) -> str:
    """Return what stands before the names of a file's classes, without `__torch__` itself."""
    dotted = name.removeprefix(_CODE).removesuffix(".py").replace("/", ".") + "."
    return dotted.removeprefix(_ROOT)


def _lines(archive: Archive, name: str) -> CodeLines:
    """Return the lines of a file; a model runs without, so nothing wrong with them matters."""
    try:
        return CodeLines(read_pickle(archive.read(name, limit=MAX_PICKLE)).value)
    except MalformedError:
        return CodeLines(())


def _named(code: str) -> Iterator[tuple[Named, str, str, int]]:
    """Yield kind and name of each thing, the class and function it is in, and its offset."""
    within, function = "", ""
    for token in _TOKEN.finditer(code):
        match token.lastgroup:
            case None:
                continue
            case "class":
                within, function = f"{token['class']}.", ""
            case "function":
                if not token["indent"]:
                    within = ""
                if len(token["indent"]) <= (_INDENT if within else 0):  # not one inside of another
                    function = token["function"]
            case group:
                for kind, name in _THINGS[group](token[group]):
                    yield kind, name, within + function, token.start(group)


def _aten(name: str) -> list[tuple[Named, str]]:
    if name == "wait":  # printed as an operator, which it is in no source
        return [(Named.INSTRUCTION, "WAIT")]
    return [(Named.OPERATOR, f"aten::{name}")]


_THINGS: Final[Mapping[str, Callable[[str], Iterable[tuple[Named, str]]]]] = {
    "operator": lambda text: [(Named.OPERATOR, text.replace(".", "::"))],
    "aten": _aten,
    "custom": lambda text: [(Named.CLASS, text)],
    "fork": lambda _: [(Named.INSTRUCTION, "FORK")],
    "with": lambda _: [(Named.INSTRUCTION, "ENTER")],
}
"""What a group of `_TOKEN` stands for."""
