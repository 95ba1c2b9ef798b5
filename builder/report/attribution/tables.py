"""The linker's own tables in a library, entry by entry: what each of them is there for."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from builder.foundation.elf import ElfFile, Section
from builder.vocabulary.errors import VerificationError

Cause = int | str | None
"""An address in the library, the name of a symbol of another library, or nothing in particular."""

_UNDEFINED: Final = 0
_PLT_ENTRY: Final = 16  # bytes, on each of our ABIs
_EH_HEADER: Final = 12
_PACKED: Final = b"APS2"
_INFO, _DELTA, _ADDEND, _HAS_ADDEND = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of a section: where it begins there, its bytes, and what it is there for."""

    start: int
    size: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class _Relocation:
    place: int
    symbol: int
    addend: int


@dataclass(frozen=True, slots=True)
class _DynamicSymbol:
    name: str
    place: int
    at: int

    @property
    def cause(self) -> Cause:
        return self.at or self.name or None


class LinkerTables:
    """The tables of one library whose entries have causes. `data` is the whole file."""

    def __init__(self, elf: ElfFile, data: bytes) -> None:
        """Read the symbols, which other tables refer to."""
        self._data = data
        self._wide = elf.bits == 64  # noqa: PLR2004
        self._word = 8 if self._wide else 4
        self._sections = {it.name: it for it in elf.sections}
        self._symbols = tuple(self._read_symbols())
        self._jumps = tuple(self._rows(".rela.plt") or self._rows(".rel.plt"))

    @property
    def exported(self) -> tuple[int, ...]:
        """Where the symbols are that the library offers."""
        return tuple(it.at for it in self._symbols if it.at)

    def slices(self, section: Section) -> tuple[Slice, ...] | None:
        """Return the parts of a section in order, or None if it is no table of the linker.

        What lies between the parts has no cause. Raise `VerificationError` for a damaged table.
        """
        readers = {
            ".dynsym": self._of_symbols, ".gnu.version": self._of_symbols,
            ".dynstr": self._of_names, ".got": self._of_got, ".got.plt": self._of_got,
            ".plt": self._of_plt, ".eh_frame": self._of_frames, ".eh_frame_hdr": self._of_search,
            ".ARM.exidx": self._of_index, ".rela.dyn": self._of_relocations,
            ".rel.dyn": self._of_relocations, ".rela.plt": self._of_relocations,
            ".rel.plt": self._of_relocations, ".relr.dyn": self._of_relative,
        }  # fmt: skip
        reader = readers.get(section.name)
        if reader is None or not section.stored:
            return None
        try:
            return tuple(reader(section))
        except (struct.error, IndexError, ZeroDivisionError) as error:
            message = f"section {section.name} cannot be read: {error}"
            raise VerificationError(message, hint="build the library again") from error

    def _content(self, section: Section) -> bytes:
        return self._data[section.offset : section.offset + section.stored]

    def _read_symbols(self) -> Iterator[_DynamicSymbol]:
        table, names = self._sections.get(".dynsym"), self._sections.get(".dynstr")
        if table is None or names is None:
            return
        texts = self._content(names)
        row = struct.Struct("<IBBHQQ" if self._wide else "<IIIBBH")
        for fields in row.iter_unpack(self._content(table)):
            value, index = (fields[4], fields[3]) if self._wide else (fields[1], fields[5])
            name = texts[fields[0] :].partition(b"\0")[0].decode("utf-8", errors="replace")
            yield _DynamicSymbol(name, fields[0], 0 if index == _UNDEFINED else value)

    def _rows(self, name: str) -> list[_Relocation]:
        section = self._sections.get(name)
        if section is None or self._content(section).startswith(_PACKED):
            return []
        shift = 32 if self._wide else 8
        with_addend = name.startswith(".rela")
        row = struct.Struct("<" + ("QQq" if self._wide else "IIi")[: 3 if with_addend else 2])
        rows = ((*it, 0)[:3] for it in row.iter_unpack(self._content(section)))
        return [_Relocation(place, info >> shift, addend) for place, info, addend in rows]

    def _of_symbols(self, section: Section) -> Iterator[Slice]:
        size = section.stored // len(self._symbols)
        for number, symbol in enumerate(self._symbols):
            yield Slice(number * size, size, symbol.cause)

    def _of_names(self, section: Section) -> Iterator[Slice]:
        del section
        end = 0
        for symbol in sorted(self._symbols, key=lambda it: it.place):
            if symbol.name and symbol.place >= end:
                size = len(symbol.name.encode()) + 1
                yield Slice(symbol.place, size, symbol.cause)
                end = symbol.place + size

    def _of_got(self, section: Section) -> Iterator[Slice]:
        rows = [*self._jumps, *self._rows(".rela.dyn"), *self._rows(".rel.dyn")]
        first, end = section.address, section.address + section.stored
        found = {it.place: it for it in rows if first <= it.place < end}
        for place, row in sorted(found.items()):
            cause = self._symbols[row.symbol].cause if row.symbol else row.addend or None
            yield Slice(place - first, self._word, cause)

    def _of_plt(self, section: Section) -> Iterator[Slice]:
        start = section.stored - _PLT_ENTRY * len(self._jumps)
        for number, jump in enumerate(self._jumps):
            cause = self._symbols[jump.symbol].cause
            yield Slice(start + number * _PLT_ENTRY, _PLT_ENTRY, cause)

    def _of_frames(self, section: Section) -> Iterator[Slice]:
        """Yield the frame descriptions; what several of them share (CIE) has no cause.

        Where the code is stands as a distance of four bytes, as our compilers write it.
        """
        data, position = self._content(section), 0
        while position + 8 <= len(data):
            length, identity = struct.unpack_from("<II", data, position)
            if identity:
                (distance,) = struct.unpack_from("<i", data, position + 8)
                cause = section.address + position + 8 + distance
                yield Slice(position, length + 4, cause)
            position += length + 4

    def _of_search(self, section: Section) -> Iterator[Slice]:
        data = self._content(section)
        for position in range(_EH_HEADER, len(data) - 7, 8):
            (distance,) = struct.unpack_from("<i", data, position)
            yield Slice(position, 8, section.address + distance)

    def _of_index(self, section: Section) -> Iterator[Slice]:
        data = self._content(section)
        for position in range(0, len(data) - 7, 8):
            (word,) = struct.unpack_from("<I", data, position)
            distance = (word & 0x7FFFFFFF) - ((word & 0x40000000) << 1)
            yield Slice(position, 8, section.address + position + distance)

    def _of_relocations(self, section: Section) -> Iterator[Slice]:
        data = self._content(section)
        if data.startswith(_PACKED):
            yield from _evenly(section.stored, tuple(_packed_places(data)))
            return
        rows = self._rows(section.name)
        size = section.stored // max(len(rows), 1)
        plt = section.name.endswith(".plt")
        for number, row in enumerate(rows):
            name = self._symbols[row.symbol].cause if row.symbol else None
            yield Slice(number * size, size, name if plt else row.place)

    def _of_relative(self, section: Section) -> Iterator[Slice]:
        yield from _evenly(
            section.stored, tuple(_relative_places(self._content(section), self._word))
        )


def _evenly(total: int, causes: tuple[int, ...]) -> Iterator[Slice]:
    """Share the bytes of what is packed among all that is in it."""
    for number, cause in enumerate(causes):
        start, end = (total * it // len(causes) for it in (number, number + 1))
        yield Slice(start, end - start, cause)


def _relative_places(data: bytes, word: int) -> Iterator[int]:
    """Yield what `.relr.dyn` relocates: an address, or bits for the words after the last one."""
    base = 0
    for (entry,) in struct.iter_unpack("<Q" if word == 8 else "<I", data):  # noqa: PLR2004
        if not entry & 1:
            yield entry
            base = entry + word
            continue
        bits = word * 8 - 1
        yield from (base + word * it for it in range(bits) if entry >> (it + 1) & 1)
        base += word * bits


def _packed_places(data: bytes) -> Iterator[int]:
    """Yield what Android's packed relocations relocate.

    Source: https://android.googlesource.com/platform/bionic/+/main/linker/linker_reloc_iterators.h
    """
    numbers = _signed_numbers(data[len(_PACKED) :])
    count, place = next(numbers), next(numbers)
    while count > 0:
        size, flags = next(numbers), next(numbers)
        delta = next(numbers) if flags & _DELTA else None
        if flags & _INFO:
            next(numbers)
        if flags & _HAS_ADDEND and flags & _ADDEND:
            next(numbers)
        for _ in range(size):
            place += next(numbers) if delta is None else delta
            if not flags & _INFO:
                next(numbers)
            if flags & _HAS_ADDEND and not flags & _ADDEND:
                next(numbers)
            yield place
        count -= max(size, 1)


def _signed_numbers(data: bytes) -> Iterator[int]:
    """Yield numbers of seven bits a byte, the lowest first (SLEB128)."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield value - (1 << shift) if byte & 0x40 else value
            value = shift = 0
    message = "packed relocations end too early"
    raise IndexError(message)
