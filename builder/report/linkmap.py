"""Reading the map file of lld: which input section every byte of the memory image came from."""

import re
from dataclasses import dataclass
from typing import Final

from builder.vocabulary.errors import VerificationError

FOLDED: Final = "folded.txt"
"""Beside a link map: what lld said of the sections that it folded."""

_HEADING: Final = re.compile(r"\s*VMA\s+LMA\s+Size\s+Align\s+Out\s+In\s+Symbol\s*")
_ROW: Final = re.compile(
    r"\s*(?P<address>[0-9a-f]+)\s+[0-9a-f]+\s+(?P<size>[0-9a-f]+)\s+\d+ "
    r"(?P<indent> *)(?P<text>\S.*)"
)
_INPUT: Final = re.compile(r"(?P<file>.+?):\((?P<section>.*)\)")
_FOLDED: Final = re.compile(
    r"(?:selected|(?P<gone>  removing identical)) section (?P<file>.+?):\((?P<section>.*)\)"
)
_OUT_INDENT: Final = 0
_IN_INDENT: Final = 8
_SYMBOL_INDENT: Final = 16


@dataclass(frozen=True, slots=True, order=True)
class MappedSymbol:
    """A symbol of a piece, and the bytes it says it has; C++ names are demangled."""

    address: int
    size: int
    name: str


@dataclass(frozen=True, slots=True, order=True)
class InputPiece:
    """Part of an output section. `file` is an object, `archive(member)` or `<internal>`."""

    address: int
    size: int
    file: str
    section: str


@dataclass(frozen=True, slots=True)
class Folded:
    """A section that is not in the library, as an equal one is: each by its file and its name."""

    gone: tuple[str, str]
    kept: tuple[str, str]


@dataclass(frozen=True, slots=True)
class OutputSection:
    """A section of the library and what it was made of, in order of address. Sizes are bytes."""

    name: str
    address: int
    size: int
    pieces: tuple[InputPiece, ...]


def parse_link_map(text: str) -> tuple[OutputSection, ...]:
    """Read the text `lld -Map` writes; raise `VerificationError` on anything else.

    Symbols are left out, and so are linker-script assignments: neither occupies bytes of its own.
    """
    lines = text.splitlines()
    if not lines or _HEADING.fullmatch(lines[0]) is None:
        message = "the link map is not one that lld writes"
        hint = "link with lld and its option -Map"
        raise VerificationError(message, hint=hint)
    sections: list[tuple[str, int, int, list[InputPiece]]] = []
    for number, line in enumerate(lines[1:], start=2):
        row = _ROW.fullmatch(line)
        if row is None:
            message = f"line {number} of the link map cannot be read: {line[:80]!r}"
            raise VerificationError(message, hint="link again; the map may be cut short")
        address, size = int(row["address"], 16), int(row["size"], 16)
        if len(row["indent"]) == _OUT_INDENT:
            sections.append((row["text"], address, size, []))
        elif len(row["indent"]) == _IN_INDENT and sections:
            origin = _INPUT.fullmatch(row["text"])
            if origin is not None:
                piece = InputPiece(address, size, origin["file"], origin["section"])
                sections[-1][3].append(piece)
    return tuple(
        OutputSection(name, address, size, tuple(sorted(pieces)))
        for name, address, size, pieces in sections
    )


def parse_folded(text: str) -> tuple[Folded, ...]:
    """Read what `lld --print-icf-sections` printed; raise `VerificationError` on anything else."""
    found: list[Folded] = []
    kept: tuple[str, str] | None = None
    for line in text.splitlines():
        row = _FOLDED.fullmatch(line)
        if row is None or (kept is None and row["gone"]):
            message = f"the list of folded sections cannot be read: {line[:80]!r}"
            raise VerificationError(message, hint="link again; the list may be cut short")
        section = (row["file"], row["section"])
        if kept is None or not row["gone"]:
            kept = section
        else:
            found.append(Folded(gone=section, kept=kept))
    return tuple(found)


def mapped_symbols(text: str) -> tuple[MappedSymbol, ...]:
    """Return the symbols that have a place in the library, in order of address."""
    rows = map(_ROW.fullmatch, text.splitlines())
    return tuple(
        sorted(
            MappedSymbol(int(row["address"], 16), int(row["size"], 16), row["text"])
            for row in rows
            if row is not None and len(row["indent"]) == _SYMBOL_INDENT
        )
    )


def defined_symbols(text: str) -> frozenset[str]:
    """Return the names of the symbols that have a place in the library; C++ names are demangled.

    The library itself tells only those it exports, once it is stripped.
    """
    return frozenset(it.name for it in mapped_symbols(text))
