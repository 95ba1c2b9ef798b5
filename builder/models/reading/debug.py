"""Debug information: from an instruction to the line of Python it was made of.

Each instruction has a handle (`mobile_debug_handles.pkl`), each handle a place in the source and
the calls that led there (`callstack_debug_map.pkl`), each place a text (`*.debug_pkl`). Layouts:
`torch/csrc/jit/serialization/source_range_serialization.cpp`, `callstack_debug_info_serialization
.cpp` beside it, and `torch/csrc/jit/mobile/debug_info.cpp`. What is there in another form than
these is left out: a model runs without.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from builder.models.formats.faults import shown
from builder.vocabulary.operators import SourceLine

HANDLES: Final = "mobile_debug_handles.pkl"
CALLS: Final = "callstack_debug_map.pkl"
SUFFIX: Final = ".debug_pkl"

_TABLE: Final = "FORMAT_WITH_STRING_TABLE"
_MAX_FRAMES: Final = 200
_TORCH: Final = re.compile(r"[/\\](?:site|dist)-packages[/\\]torch[/\\]")
_FRAME: Final = re.compile(r"(?P<file>.+)\((?P<line>\d{1,7})\): (?P<function>.*)")
_MAX_FILE: Final = 300  # characters

Lines = Mapping[str, Sequence[SourceLine | None]]
"""For each function, the line of each instruction."""


def read_lines(handles: object, calls: object, places: Iterable[object]) -> Lines:
    """Return the lines of all instructions, from the values of the three kinds of pickles."""
    sources = _Sources(places)
    by_handle = {
        row[0]: row
        for row in _items(calls)
        if isinstance(row, tuple) and len(row) == 4 and isinstance(row[0], int)  # noqa: PLR2004
    }
    known: dict[int, SourceLine | None] = {}

    def line_of(handle: object) -> SourceLine | None:
        match handle:
            case [*_, innermost] | (*_, innermost):  # of operators a backend took over
                return line_of(innermost) if isinstance(innermost, int) else None
            case int() if handle in known:
                return known[handle]
            case int() if handle in by_handle:
                known[handle] = best_line(sources.frames(by_handle[handle]))
                return known[handle]
        return None

    return {name: [line_of(it) for it in listed] for name, listed in _listed(handles)}


def _items(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def _listed(handles: object) -> Iterator[tuple[str, Sequence[object]]]:
    """Yield the name of each function, and the handles of its instructions."""
    for function in _items(handles):
        match function:
            case (str(name), (("function_debug_handles", (list(listed) | tuple(listed),)), *_)):
                yield name, listed
            case _:
                pass


def best_line(frames: Sequence[SourceLine]) -> SourceLine | None:
    """Return the innermost frame that is not inside torch: what the author of the model wrote."""
    own = (frame for frame in frames if not _TORCH.search(frame.file))
    return next(own, frames[0] if frames else None)


class CodeLines:
    """The lines that a file of serialized code was printed from, by byte offsets into that file."""

    def __init__(self, places: object) -> None:
        """Take the value of the `debug_pkl` beside the code; what has another form is left out."""
        found = sorted(_placed(places), key=lambda it: it.offset)
        self._offsets = [it.offset for it in found]
        self._found = found

    def at(self, offset: int) -> SourceLine | None:
        """Return the line of what is printed at an offset."""
        return best_line(self.frames(offset))

    def frames(self, offset: int) -> list[SourceLine]:
        """Return where what is printed at an offset is from, from the inside out."""
        index = bisect_right(self._offsets, offset) - 1
        if index < 0:
            return []
        return list(self._found[index].text.frames(self._found[index].start))


def frames_in_text(text: bytes, file: str, offset: int) -> list[SourceLine]:
    """Return the line of a file itself, where it does not tell what it was printed from."""
    readable = text.decode(errors="surrogateescape")
    return list(_Text([readable], [_size(readable)], file, 1).frames(offset))


class _Sources:
    """The texts, and the places in them by their tags."""

    def __init__(self, places: Iterable[object]) -> None:
        self._ranges: dict[int, tuple[_Text, int]] = {}
        for value in places:
            for it in _placed(value):
                if it.tag is not None:
                    self._ranges.setdefault(it.tag, (it.text, it.start))

    def frames(self, row: tuple[object, ...]) -> list[SourceLine]:
        """Return where an instruction is, from the inside out."""
        tags, calls = [row[1]], row[3]
        outer: list[object] = []
        while isinstance(calls, tuple) and len(calls) == 4 and len(outer) < _MAX_FRAMES:  # noqa: PLR2004
            outer.append(calls[1])
            calls = calls[2]
        tags += reversed(outer)
        return [frame for tag in tags if isinstance(tag, int) for frame in self._at(tag)]

    def _at(self, tag: int) -> Iterator[SourceLine]:
        if tag in self._ranges:
            text, start = self._ranges[tag]
            yield from text.frames(start)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something was printed in the code, and what it was printed from."""

    offset: int
    tag: int | None
    text: "_Text"
    start: int


def _placed(value: object) -> Iterator[_Place]:
    """Yield the places in the value of one `debug_pkl`."""
    table: tuple[object, ...] = ()
    rows = _items(value)
    if len(rows) == 3 and rows[0] == _TABLE:  # noqa: PLR2004  older files have rows alone
        table, rows = _items(rows[1]), _items(rows[2])
    texts: dict[int, _Text | None] = {}
    lengths: dict[int, tuple[int, int]] = {}
    for row in rows:
        match row:
            case (int(offset), (source, int(start), int()), *rest) if start >= 0:
                if id(source) not in texts:
                    texts[id(source)] = _text(source, table, lengths)
                text = texts[id(source)]
                tag = rest[0] if rest and isinstance(rest[0], int) else None
                if text is not None:
                    yield _Place(offset, tag, text, start)


class _Text:
    """A source in pieces, mostly lines, with the byte offsets and line counts where they begin."""

    def __init__(
        self, pieces: Sequence[str], sizes: Sequence[tuple[int, int]], file: str, first: int
    ) -> None:
        self._pieces = pieces
        self._offsets = [0, *accumulate(size for size, _ in sizes)]
        self._counts = [0, *accumulate(count for _, count in sizes)]
        self._file = file
        self._first = first

    def frames(self, start: int) -> Iterator[SourceLine]:
        """Yield the line at a byte offset, or for a traced model the stack it was traced in."""
        if not self._file or start >= self._offsets[-1]:
            return
        if start == 0 and _FRAME.fullmatch(self._pieces[0].split("\n", 1)[0]):
            for piece in self._pieces[:_MAX_FRAMES]:
                for match in filter(None, map(_FRAME.fullmatch, piece.splitlines()[:_MAX_FRAMES])):
                    yield _line(match["file"], int(match["line"]), match["function"])
            return
        index = bisect_right(self._offsets, start) - 1
        raw = self._pieces[index].encode(errors="surrogateescape")
        before, after = raw[: start - self._offsets[index]], raw[start - self._offsets[index] :]
        begun = before.rpartition(b"\n")[2]
        text = (begun + after.partition(b"\n")[0]).decode(errors="replace")
        number = self._first + self._counts[index] + before.count(b"\n")
        yield _line(self._file, number, text.strip())


def _line(file: str, number: int, text: str) -> SourceLine:
    return SourceLine(shown(file, limit=_MAX_FILE), number, shown(text))


def _text(
    source: object, table: tuple[object, ...], lengths: dict[int, tuple[int, int]]
) -> _Text | None:
    """Read a source: pieces by their numbers in the table, or in older files the text itself."""
    match source:
        case (list(numbers), int(name), int(first)):
            pieces = [_entry(table, number) for number in numbers]
            for number, piece in zip(numbers, pieces, strict=True):
                if number not in lengths:
                    lengths[number] = _size(piece)
            sizes = [lengths[number] for number in numbers]
            return _Text(pieces, sizes, _entry(table, name), first)
        case (str(text), str(file), int(first)):
            return _Text([text], [_size(text)], file, first)
        case _:
            return None


def _entry(table: tuple[object, ...], number: object) -> str:
    entry = table[number] if isinstance(number, int) and 0 <= number < len(table) else ""
    return entry if isinstance(entry, str) else ""


def _size(piece: str) -> tuple[int, int]:
    return len(piece.encode(errors="surrogateescape")), piece.count("\n")
