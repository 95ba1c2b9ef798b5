"""What single references of an object are to: at which place, and to which of the merged constants.

The closure needs neither. Who accounts for bytes does: the linker keeps one copy of equal constants
of all objects (SHF_MERGE), and one section of an object may register many operators.
"""

import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from builder.libtorch.closure.objects import Edge
from builder.libtorch.closure.tables import (
    SHF_LINK_ORDER,
    SHF_MERGE,
    SHF_STRINGS,
    SHN_RESERVED,
    SHN_XINDEX,
    SHT_REL,
    SHT_RELA,
    SHT_SYMTAB,
    SHT_SYMTAB_SHNDX,
    STB_LOCAL,
    STT_SECTION,
    ElfTables,
    Header,
    text_at,
)

_IN_PLACE: Final = {
    3: frozenset({1, 2, 9}),  # i386: R_386_32, PC32, GOTOFF
    40: frozenset({2, 3, 42}),  # ARM: R_ARM_ABS32, REL32, PREL31
}
"""By machine, the relocations without an addend of their own whose word holds it."""

_CALLS: Final = {
    3: frozenset({4}),  # i386: R_386_PLT32
    40: frozenset({10, 27, 28, 29, 30}),  # ARM: R_ARM_THM_CALL, PLT32, CALL, JUMP24, THM_JUMP24
    62: frozenset({4}),  # x86-64: R_X86_64_PLT32
    183: frozenset({282, 283}),  # AArch64: R_AARCH64_JUMP26, CALL26
}
"""By machine, the relocations of instructions that call."""

_LOWER: Final = {
    40: frozenset({44, 46, 48, 50}),  # ARM: R_ARM_MOVT_ABS, MOVT_PREL, THM_MOVT_ABS, THM_MOVT_PREL
    183: frozenset({277, 278, 284, 285, 286, 299, 312}),  # AArch64: R_AARCH64_..._LO12_NC
}
"""By machine, the relocations of the second of two instructions that make one address."""

_EXECUTABLE: Final = 4
_GROUPED: Final = 0x200


class Use(StrEnum):
    """What an instruction or a word does with what it refers to."""

    ADDRESS = "address"
    REST = "rest of an address"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Reference:
    """One relocation: `place` is the offset in the section it leads to, `offset` in its own.

    `constant` is the merged constant there, with its zero byte if it is a text, else empty. Where
    two instructions make an address, `use` tells the first from the second.
    """

    offset: int
    edge: Edge
    place: int
    constant: bytes
    use: Use


@dataclass(frozen=True, slots=True)
class _Symbol:
    edge: Edge
    section: int
    value: int
    is_section: bool


class ObjectDetails(ElfTables):
    """The references of one object. Raises what `ElfTables` raises."""

    def __init__(self, data: bytes) -> None:
        """Read the symbols; references are read when they are asked for."""
        super().__init__(data)
        self._symbols = self._read_symbols()

    def is_code(self, section: int) -> bool:
        """Whether a section holds instructions."""
        return bool(self.headers[section].flags & _EXECUTABLE)

    def is_tied(self, section: int) -> bool:
        """Whether a table goes with the function it is about: in a group with it, or by a link."""
        return bool(self.headers[section].flags & (_GROUPED | SHF_LINK_ORDER))

    def text(self, section: int, place: int) -> str:
        """Return the text at a place of a section, up to its zero byte."""
        return text_at(self.content(self.headers[section]), place)

    def starts_text(self, section: int, place: int) -> bool:
        """Whether a text begins there: after the zero byte of another."""
        content = self.content(self.headers[section])
        return 0 <= place < len(content) and (place == 0 or content[place - 1] == 0)

    def references(self, sections: Container[int]) -> Iterator[tuple[int, tuple[Reference, ...]]]:
        """Yield the references of each of these sections that has some, in order of their place."""
        for header in self.headers:
            if header.kind in (SHT_RELA, SHT_REL) and header.info in sections:
                found = sorted(self._references(header), key=lambda it: it.offset)
                yield header.info, tuple(found)

    def _references(self, header: Header) -> Iterator[Reference]:
        rela = header.kind == SHT_RELA
        layout = self.layout.rela if rela else self.layout.rel
        start = self.headers[header.info].offset
        mask = (1 << self.layout.symbol_shift) - 1
        for fields in layout.iter_unpack(self.content(header)):
            symbol = self._symbols[fields[1] >> self.layout.symbol_shift]
            if symbol is None:
                continue
            place, kind = symbol.value, fields[1] & mask
            if symbol.is_section:
                in_place = kind in _IN_PLACE.get(self.machine, ())
                place = fields[2] if rela else self._word(start + fields[0]) if in_place else -1
            constant = self._constant(symbol.section, place)
            yield Reference(fields[0], symbol.edge, place, constant, self._use(kind))

    def _use(self, kind: int) -> Use:
        if kind in _CALLS.get(self.machine, ()):
            return Use.CALL
        return Use.REST if kind in _LOWER.get(self.machine, ()) else Use.ADDRESS

    def _word(self, offset: int) -> int:
        return int(struct.unpack_from("<i", self.data, offset)[0])

    def _constant(self, section: int, place: int) -> bytes:
        """Return the constant at a place of a section that is merged; nothing for any other."""
        header = self.headers[section]
        if not header.flags & SHF_MERGE or not 0 <= place < header.size:
            return b""
        start, end = header.offset + place, header.offset + header.size
        if not header.flags & SHF_STRINGS:
            return self.data[start : min(start + header.entry, end)]
        stop = start
        while stop < end and any(self.data[stop : stop + header.entry]):
            stop += header.entry
        return self.data[start : stop + header.entry]

    def _read_symbols(self) -> list[_Symbol | None]:
        table = next((it for it in self.headers if it.kind == SHT_SYMTAB), None)
        if table is None:
            return []
        strings = self.content(self.headers[table.link])
        extended = next((it for it in self.headers if it.kind == SHT_SYMTAB_SHNDX), None)
        found: list[_Symbol | None] = []
        for number, fields in enumerate(self.layout.symbol.iter_unpack(self.content(table))):
            wide = self.layout.wide
            name, value, info, index = (
                (fields[0], fields[4], fields[1], fields[3])
                if wide
                else (fields[0], fields[1], fields[3], fields[5])
            )
            if index == SHN_XINDEX and extended is not None:
                index = struct.unpack_from("<I", self.data, extended.offset + 4 * number)[0]
            elif index >= SHN_RESERVED:
                index = 0
            local = info >> 4 == STB_LOCAL
            edge: Edge = index if local else text_at(strings, name)
            is_section = info & 0xF == STT_SECTION
            found.append(_Symbol(edge, index, value, is_section) if edge else None)
        return found
