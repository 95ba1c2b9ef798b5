"""Every byte of a library, with its section, file, symbol and owners: none twice, none left."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from builder.foundation.elf import ElfFile, Section
from builder.report.attribution.constants import charge_constants
from builder.report.attribution.families import family
from builder.report.attribution.inputs import is_own, read_linked
from builder.report.attribution.owners import REGISTERED, OwnerGraph, operator_name
from builder.report.attribution.tables import Cause, LinkerTables, Slice
from builder.report.linkmap import Folded, InputPiece, MappedSymbol, OutputSection
from builder.report.names import LINKER, object_name
from builder.vocabulary.errors import VerificationError

HEADERS: Final = LINKER + "headers"
PADDING: Final = LINKER + "padding"
_ZEROED_LOCALS: Final = ".tbss"
_INTERNAL: Final = "<internal>"
_CORE: Final = frozenset[str]()


@dataclass(frozen=True, slots=True)
class Atom:
    """A run of bytes of one origin. `owners` are operators; none own the fixed core.

    `size` is bytes of the file, `memory` bytes of the loaded library.
    """

    section: str
    object: str
    symbol: str
    owners: frozenset[str]
    size: int
    memory: int


@dataclass(frozen=True, slots=True)
class _Origin:
    object: str
    symbol: str
    owners: frozenset[str]


class Charger:
    """One library with its map and its objects; `atoms` yields all its bytes in order."""

    def __init__(  # noqa: PLR0917  one value for each input
        self,
        elf: ElfFile,
        data: bytes,
        outputs: tuple[OutputSection, ...],
        symbols: tuple[MappedSymbol, ...],
        folder: Path,
        roots: tuple[tuple[str, str], ...],
        operators: frozenset[str],
        folded: tuple[Folded, ...] = (),
    ) -> None:
        """Take what was read of the library; its objects are read if there are operators."""
        self._elf = elf
        self._data = data
        self._outputs = {(it.name, it.address): it for it in outputs}
        self._roots = roots
        self._operators = operators
        self._folded = folded
        self._tables = LinkerTables(elf, data)
        self._linked = [piece for it in outputs if it.address for piece in it.pieces if piece.size]
        # zeroed thread-local data has the addresses of what comes after it
        self._pieces = sorted(
            piece
            for it in outputs
            if it.address and it.name != _ZEROED_LOCALS
            for piece in it.pieces
            if piece.size
        )
        self._starts = [it.address for it in self._pieces]
        self._symbols = [it for it in symbols if it.size and not it.name.startswith("$")]
        self._symbol_starts = [it.address for it in self._symbols]
        self._folder = folder
        self._families: dict[str, str] = {}

    @cached_property
    def _owners(self) -> OwnerGraph:
        # without operators everything is core, and no object has to be read
        pieces = self._linked if self._operators else []
        files = dict.fromkeys(it.file for it in pieces)
        files |= dict.fromkeys(it.gone[0] for it in self._folded) if pieces else {}
        objects = read_linked(files, self._folder)
        graph = OwnerGraph(objects, pieces, self._operators, self._folded)
        graph.solve(piece for it in self._tables.exported if (piece := self._piece_at(it)))
        return graph

    @cached_property
    def _constants(self) -> dict[bytes, frozenset[str]]:
        return self._owners.of_constants()

    def atoms(self) -> Iterator[Atom]:
        """Yield the file from its first byte to its last: what no section holds included."""
        headers = min((it.offset for it in self._elf.sections if it.stored), default=self._elf.size)
        table = Section(
            "headers", self._elf.section_table[0], 0, *(self._elf.section_table[1],) * 2
        )
        position = 0
        for section in sorted((*self._elf.sections, table), key=lambda it: (it.offset, it.name)):
            if not section.stored:
                yield from self._zeroed(section)
                continue
            if section.offset < position or section.offset + section.stored > self._elf.size:
                message = f"section {section.name} overlaps another or ends after the file"
                raise VerificationError(message, hint="build the library again")
            yield from _gap(
                section.offset - position, HEADERS if section.offset == headers else PADDING
            )
            yield from self._headers(section) if section is table else self._section(section)
            position = section.offset + section.stored
        yield from _gap(self._elf.size - position, PADDING)

    def _headers(self, table: Section) -> Iterator[Atom]:
        yield Atom(table.name, HEADERS, HEADERS, _CORE, table.stored, 0)

    def _section(self, section: Section) -> Iterator[Atom]:
        slices = self._tables.slices(section)
        if slices is not None:
            yield from self._sliced(section.name, section.stored, slices)
            return
        output = self._outputs.get((section.name, section.address))
        if output is None or not section.address:
            yield self._atom(section.name, section.stored, self._made_by_linker(section.name))
            return
        yield from self._mapped(section, output)

    def _mapped(self, section: Section, output: OutputSection) -> Iterator[Atom]:
        """Yield the bytes of a section piece by piece; padding is of the piece that it aligns."""
        position, end = section.address, section.address + section.stored
        for piece in output.pieces:
            start = max(piece.address, position)
            stop = min(piece.address + piece.size, end)
            if stop <= start:
                continue
            if piece.file == _INTERNAL or piece.section == REGISTERED:
                yield from _gap(start - position, PADDING, section.name)
                yield from self._internal(section, piece, start, stop)
            else:
                yield from self._of_piece(section.name, piece, position, stop)
            position = stop
        yield from _gap(end - position, PADDING, section.name)

    def _of_piece(self, name: str, piece: InputPiece, start: int, stop: int) -> Iterator[Atom]:
        """Yield a piece symbol by symbol; what no symbol claims is of the one before."""
        cuts = [
            it for it in self._within(self._symbol_starts, piece.address, stop)
            if self._symbols[it].address > start
        ]  # fmt: skip
        first = self._origin(piece, piece.address)
        for number in cuts:
            address = self._symbols[number].address
            if address > start:
                yield self._atom(name, address - start, first)
                start = address
            first = self._origin(piece, address)
        yield self._atom(name, stop - start, first)

    def _internal(
        self, section: Section, piece: InputPiece, start: int, stop: int
    ) -> Iterator[Atom]:
        content = self._data[section.offset + start - section.address :][: stop - start]
        if piece.section == REGISTERED:
            yield from self._names(section.name, piece, content)
        elif self._operators:
            made = LINKER + piece.section
            for size, keepers in charge_constants(piece.section, content, self._constants):
                yield self._atom(section.name, size, _Origin(made, made, keepers))
        else:
            yield self._atom(section.name, stop - start, self._made_by_linker(piece.section))

    def _names(self, name: str, piece: InputPiece, content: bytes) -> Iterator[Atom]:
        """Yield the names of operators, each charged to its own."""
        own = is_own(piece.file)  # what a shared object registers is there whoever asks for it
        for text in content.split(b"\0")[:-1]:
            operator = operator_name(text.decode("utf-8", errors="replace"))
            owners = frozenset({operator}) if own and operator in self._operators else _CORE
            yield self._atom(
                name, len(text) + 1, _Origin(self._object(piece), "names of operators", owners)
            )
        rest = len(content.rpartition(b"\0")[2])
        if rest:
            yield self._atom(name, rest, self._made_by_linker(REGISTERED))

    def _sliced(self, name: str, size: int, slices: Iterable[Slice]) -> Iterator[Atom]:
        position, own = 0, self._made_by_linker(name)
        for it in slices:
            if it.start < position or it.start + it.size > size:
                message = f"section {name} has entries that overlap"
                raise VerificationError(message, hint="build the library again")
            if it.start > position:
                yield self._atom(name, it.start - position, own)
            yield self._atom(name, it.size, self._caused(name, it.cause))
            position = it.start + it.size
        if size > position:
            yield self._atom(name, size - position, own)

    def _caused(self, name: str, cause: Cause) -> _Origin:
        if isinstance(cause, int):
            piece = self._piece_at(cause)
            if piece is None or piece.file == _INTERNAL:
                return self._made_by_linker(name)
            return self._origin(piece, cause)
        own = self._made_by_linker(name)
        if cause is None or not self._operators:
            return own
        return _Origin(own.object, cause, self._owners.of_import(cause))

    def _zeroed(self, section: Section) -> Iterator[Atom]:
        output = self._outputs.get((section.name, section.address))
        if output is None or section.name == _ZEROED_LOCALS:
            return
        for piece in output.pieces:
            if piece.size:
                origin = self._origin(piece, piece.address)
                yield Atom(section.name, origin.object, origin.symbol, origin.owners, 0, piece.size)

    def _atom(self, section: str, size: int, origin: _Origin) -> Atom:
        memory = size if section in self._loaded else 0
        return Atom(section, origin.object, origin.symbol, origin.owners, size, memory)

    @cached_property
    def _loaded(self) -> frozenset[str]:
        return frozenset(it.name for it in self._elf.sections if it.address)

    def _origin(self, piece: InputPiece, address: int) -> _Origin:
        owners = self._owners.of_piece(piece) if self._operators else _CORE
        return _Origin(self._object(piece), self._symbol(piece, address), owners)

    def _object(self, piece: InputPiece) -> str:
        return object_name(piece.file, piece.section, self._roots)

    def _symbol(self, piece: InputPiece, address: int) -> str:
        number = bisect_right(self._symbol_starts, address) - 1
        found = self._symbols[number] if number >= 0 else None
        if found is None or found.address < piece.address:
            return piece.section
        name = found.name
        if name not in self._families:
            self._families[name] = family(name)
        return self._families[name]

    def _made_by_linker(self, section: str) -> _Origin:
        return _Origin(LINKER + section, LINKER + section, _CORE)

    def _piece_at(self, address: int) -> InputPiece | None:
        number = bisect_right(self._starts, address) - 1
        if number < 0:
            return None
        piece = self._pieces[number]
        return piece if address < piece.address + piece.size else None

    @staticmethod
    def _within(starts: list[int], first: int, stop: int) -> range:
        return range(bisect_right(starts, first - 1), bisect_right(starts, stop - 1))


def _gap(size: int, name: str, section: str = "") -> Iterator[Atom]:
    if size:
        yield Atom(section or name.removeprefix(LINKER), name, name, _CORE, size, 0)
