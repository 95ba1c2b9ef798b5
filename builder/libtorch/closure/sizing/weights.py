"""What the sections of an object add to a library, apart from how it is linked.

A linker copies what an object holds, keeps one of equal constants, describes frames in a table of
its own, and lists the words that a loader has to relocate. The last two have other sizes with other
flags, so they are counted apart.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.libtorch.closure.details import ObjectDetails
from builder.libtorch.closure.objects import ObjectGraph, parse_object
from builder.libtorch.closure.tables import SHF_MERGE, SHT_REL, SHT_RELA

_FRAMES: Final = ".eh_frame"
_SEARCH_ENTRY: Final = 8
"""Bytes of the table by which an unwinder finds the description of a frame."""
_SHT_NOBITS: Final = 8
_SHF_WRITE: Final = 1


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes of sections, bytes that describe frames, and the number of words to relocate."""

    content: int = 0
    frames: int = 0
    words: int = 0

    def __add__(self, other: "Weight") -> "Weight":
        """Return both together."""
        return Weight(
            self.content + other.content, self.frames + other.frames, self.words + other.words
        )

    def __sub__(self, other: "Weight") -> "Weight":
        """Return what this one has more; a number may be negative."""
        return self + Weight(-other.content, -other.frames, -other.words)

    def part(self, count: int) -> "Weight":
        """Return the share of one of `count`."""
        return Weight(self.content // count, self.frames // count, self.words // count)

    def size(self, word: float) -> int:
        """Return bytes of the file where a word to relocate takes `word` bytes of a table."""
        return round(self.content + self.frames + self.words * word)


NOTHING: Final = Weight()


def total(weights: Iterable[Weight]) -> Weight:
    """Return all of them together."""
    found = tuple(weights)
    return Weight(
        sum(it.content for it in found),
        sum(it.frames for it in found),
        sum(it.words for it in found),
    )


@dataclass(frozen=True, slots=True)
class WeighedObject:
    """An object: its sections, what each weighs, and the merged constants each refers to."""

    graph: ObjectGraph
    details: ObjectDetails
    weights: Mapping[int, Weight]
    constants: Mapping[int, frozenset[bytes]]


def weigh(path: Path, data: bytes) -> WeighedObject:
    """Weigh the sections of one object; raise `CompileError` when it is none."""
    graph, details = parse_object(path, data), ObjectDetails(data)
    frames = dict[int, int]()
    for section, size in _frames(graph, details):
        frames[section] = frames.get(section, 0) + size + _SEARCH_ENTRY
    words = _words(details)
    weights = {
        index: Weight(_stored(details, index), frames.get(index, 0), words.get(index, 0))
        for index in graph.sections
    }
    constants = {
        index: frozenset(it.constant for it in references if it.constant)
        for index, references in details.references(graph.sections)
    }
    return WeighedObject(graph, details, weights, constants)


def _stored(details: ObjectDetails, index: int) -> int:
    """Return the bytes that a section has of its own: constants are counted one by one."""
    header = details.headers[index]
    return 0 if header.kind == _SHT_NOBITS or header.flags & SHF_MERGE else header.size


def _words(details: ObjectDetails) -> dict[int, int]:
    """Return how many words of each writable section hold addresses."""
    found: dict[int, int] = {}
    for header in details.headers:
        if header.kind in (SHT_RELA, SHT_REL) and header.info < len(details.headers):
            layout = details.layout.rela if header.kind == SHT_RELA else details.layout.rel
            if details.headers[header.info].flags & _SHF_WRITE:
                found[header.info] = found.get(header.info, 0) + header.size // layout.size
    return found


def _frames(graph: ObjectGraph, details: ObjectDetails) -> Iterator[tuple[int, int]]:
    """Yield the section of each function that has a frame described, and the bytes of that."""
    tables = {it for it in range(len(details.headers)) if details.name(it) == _FRAMES}
    for table, references in details.references(tables):
        code = {it.offset: it.edge for it in references}
        for start, size in _entries(details.content(details.headers[table])):
            edge = code.get(start + 8)
            section = edge if isinstance(edge, int) else _defined(graph, edge)
            if section is not None:
                yield section, size


def _defined(graph: ObjectGraph, symbol: str | None) -> int | None:
    return None if symbol is None else graph.strong.get(symbol, graph.weak.get(symbol))


def _entries(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each description of a frame begins, and its bytes; shared heads are left out."""
    position = 0
    while position + 8 <= len(content):
        length, identity = struct.unpack_from("<II", content, position)
        if length == 0:
            return
        if identity:
            yield position, length + 4
        position += length + 4
