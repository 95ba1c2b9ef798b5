"""The tables of a relocatable ELF object: headers and names of sections, the layout of rows."""

import struct
from dataclasses import dataclass
from typing import Final

SHF_ALLOC: Final = 0x2
SHF_MERGE: Final = 0x10
SHF_STRINGS: Final = 0x20
SHF_LINK_ORDER: Final = 0x80
SHT_SYMTAB: Final = 2
SHT_RELA: Final = 4
SHT_REL: Final = 9
SHT_SYMTAB_SHNDX: Final = 18
SHN_UNDEF: Final = 0
SHN_XINDEX: Final = 0xFFFF
SHN_RESERVED: Final = 0xFF00
STB_LOCAL: Final = 0
STB_WEAK: Final = 2
STT_SECTION: Final = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes and formats of the ELF tables of one class; all our ABIs are little-endian."""

    header: str
    section: struct.Struct
    symbol: struct.Struct
    rel: struct.Struct
    rela: struct.Struct
    symbol_shift: int
    wide: bool


ELF32: Final = Layout(
    header="<16sHHIIIIIHHHHHH",
    section=struct.Struct("<10I"),
    symbol=struct.Struct("<IIIBBH"),
    rel=struct.Struct("<II"),
    rela=struct.Struct("<IIi"),
    symbol_shift=8,
    wide=False,
)
ELF64: Final = Layout(
    header="<16sHHIQQQIHHHHHH",
    section=struct.Struct("<IIQQQQIIQQ"),
    symbol=struct.Struct("<IBBHQQ"),
    rel=struct.Struct("<QQ"),
    rela=struct.Struct("<QQq"),
    symbol_shift=32,
    wide=True,
)


@dataclass(frozen=True, slots=True)
class Header:
    """A section header: `kind` is its type, `info` the section that relocations are for."""

    name: int
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    entry: int


class ElfTables:
    """The headers of one object. Raises `struct.error` or `ValueError` where it is none."""

    def __init__(self, data: bytes) -> None:
        """Read the headers of all sections."""
        if data[:4] != b"\x7fELF" or data[5] != 1:
            message = "no little-endian ELF header"
            raise ValueError(message)
        self.data = data
        self.layout = ELF64 if data[4] == 2 else ELF32  # noqa: PLR2004  EI_CLASS
        fields = struct.unpack_from(self.layout.header, data)
        self.machine: int = fields[2]
        self.headers = self._headers(fields[6], fields[12])
        index = self.headers[0].link if fields[13] == SHN_XINDEX else fields[13]
        self._names = self.content(self.headers[index])

    def name(self, index: int) -> str:
        """Return the name of a section."""
        return text_at(self._names, self.headers[index].name)

    def content(self, header: Header) -> bytes:
        """Return the bytes of a section."""
        return self.data[header.offset : header.offset + header.size]

    def _headers(self, offset: int, count: int) -> list[Header]:
        first = self._header(offset)
        total = count or first.size  # more than 65,279 sections: the count moves to section 0
        size = self.layout.section.size
        return [self._header(offset + index * size) for index in range(total)]

    def _header(self, offset: int) -> Header:
        values = self.layout.section.unpack_from(self.data, offset)
        name, kind, flags, _, start, size, link, info, _, entry = values
        return Header(name, kind, flags, start, size, link, info, entry)


def text_at(table: bytes, start: int) -> str:
    """Return the text that ends with a zero byte."""
    return table[start : table.index(0, start)].decode()
