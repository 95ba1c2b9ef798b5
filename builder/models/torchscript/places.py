"""From the places of nodes in serialized code to the lines their authors wrote."""

from collections.abc import Sequence

from builder.models.formats.archive import Archive
from builder.models.reading.debug import SUFFIX, CodeLines, best_line, frames_in_text
from builder.models.reading.lite import read_pickles
from builder.models.torchscript.frontend.sources import MAX_FILE
from builder.models.torchscript.graphs.emission import Code
from builder.models.torchscript.graphs.nodes import Node, Place
from builder.vocabulary.operators import SourceLine

_CALLS = frozenset({"OP", "OPN"})


class Places:
    """The lines of an archive, read when they are asked for."""

    def __init__(self, archive: Archive) -> None:
        """Take an open archive."""
        self._archive = archive
        self._files: dict[str, CodeLines | None] = {}
        self._frames: dict[Place, tuple[SourceLine, ...]] = {}

    def lines(self, code: Code) -> list[SourceLine | None]:
        """Return the line of each instruction that calls an operator."""
        return [
            self._line(node) if opcode in _CALLS else None
            for (opcode, _, _), node in zip(code.instructions, code.nodes, strict=True)
        ]

    def _line(self, node: Node) -> SourceLine | None:
        """Return what the author wrote: the innermost line outside of torch's own sources."""
        places: Sequence[Place] = (*((node.place,) if node.place else ()), *node.calls)
        return best_line([frame for place in places for frame in self._frames_at(place)])

    def _frames_at(self, place: Place) -> tuple[SourceLine, ...]:
        found = self._frames.get(place)
        if found is None:
            found = tuple(self._read_frames(place))
            self._frames[place] = found
        return found

    def _read_frames(self, place: Place) -> list[SourceLine]:
        if place.file not in self._files:
            self._files[place.file] = self._code_lines(place.file)
        lines = self._files[place.file]
        if lines is not None:
            return lines.frames(place.offset)
        text = self._archive.read(place.file, limit=MAX_FILE)
        return frames_in_text(text, place.file, place.offset)

    def _code_lines(self, file: str) -> CodeLines | None:
        name = f"{file}{SUFFIX}"
        if name not in self._archive.records:
            return None
        return CodeLines(read_pickles(self._archive, iter((name,)))[name].value)
