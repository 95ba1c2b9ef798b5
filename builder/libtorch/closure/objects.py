"""Relocatable ELF objects as graphs: sections, and what each of them refers to.

Hundreds of objects are read for every plan, so this reads the few tables it needs with `struct`
instead of building pyelftools' general object model (measured: 25 times slower).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.vocabulary.errors import CompileError

_SHF_ALLOC: Final = 0x2
_SHF_LINK_ORDER: Final = 0x80
_SHF_GNU_RETAIN: Final = 0x200000
_SHT_SYMTAB: Final = 2
_SHT_RELA: Final = 4
_SHT_REL: Final = 9
_SHT_SYMTAB_SHNDX: Final = 18
_CONSTRUCTOR_TYPES: Final = frozenset({14, 15, 16})  # init, fini and preinit arrays
_SHN_UNDEF: Final = 0
_SHN_COMMON: Final = 0xFFF2
_SHN_XINDEX: Final = 0xFFFF
_SHN_RESERVED: Final = 0xFF00
_STB_LOCAL: Final = 0
_STB_WEAK: Final = 2
_STT_SECTION: Final = 3

Edge = int | str
"""A reference: to a section of the same object by index, or to a global symbol by name."""


@dataclass(frozen=True, slots=True)
class Section:
    """One allocated section. `size` is in bytes; `root`: kept whenever the object is linked."""

    name: str
    size: int
    root: bool
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class ObjectGraph:
    """One object: its allocated sections by index, and what its global symbols stand for.

    `strong` and `weak` map a symbol to the index of its section (-1: absolute or common).
    `optional` are the undefined symbols that may stay undefined (weak references).
    """

    path: Path
    sections: dict[int, Section]
    strong: dict[str, int]
    weak: dict[str, int]
    optional: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Layout:
    """The sizes and formats of the ELF tables of one class; all our ABIs are little-endian."""

    header: str
    section: struct.Struct
    symbol: struct.Struct
    rel: struct.Struct
    rela: struct.Struct
    symbol_shift: int
    wide: bool


_ELF32: Final = _Layout(
    header="<16sHHIIIIIHHHHHH",
    section=struct.Struct("<10I"),
    symbol=struct.Struct("<IIIBBH"),
    rel=struct.Struct("<II"),
    rela=struct.Struct("<IIi"),
    symbol_shift=8,
    wide=False,
)
_ELF64: Final = _Layout(
    header="<16sHHIQQQIHHHHHH",
    section=struct.Struct("<IIQQQQIIQQ"),
    symbol=struct.Struct("<IBBHQQ"),
    rel=struct.Struct("<QQ"),
    rela=struct.Struct("<QQq"),
    symbol_shift=32,
    wide=True,
)


@dataclass(frozen=True, slots=True)
class _Header:
    name: int
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int


def read_object(path: Path) -> ObjectGraph:
    """Read one `.o` file; raise `CompileError` when it is not a relocatable ELF object."""
    data = path.read_bytes()
    try:
        return _Reader(path, data).graph()
    except (struct.error, IndexError, OverflowError, ValueError) as error:
        raise CompileError(
            f"{path} is not a complete object file ({error})",
            hint="remove it and run the same command again",
        ) from error


class _Reader:
    """Walks the tables of one object; lives only inside `read_object`."""

    def __init__(self, path: Path, data: bytes) -> None:
        if data[:4] != b"\x7fELF" or data[5] != 1:
            message = "no little-endian ELF header"
            raise ValueError(message)
        self._path = path
        self._data = data
        self._layout = _ELF64 if data[4] == 2 else _ELF32  # noqa: PLR2004  EI_CLASS
        fields = struct.unpack_from(self._layout.header, data)
        self._headers = self._section_headers(fields[6], fields[12], fields[13])
        names = self._headers[self._names_index(fields[13])]
        self._names = data[names.offset : names.offset + names.size]

    def _names_index(self, index: int) -> int:
        return self._headers[0].link if index == _SHN_XINDEX else index

    def _section_headers(self, offset: int, count: int, _names: int) -> list[_Header]:
        first = self._header(offset)
        total = count or first.size  # more than 65,279 sections: the count moves to section 0
        size = self._layout.section.size
        return [self._header(offset + index * size) for index in range(total)]

    def _header(self, offset: int) -> _Header:
        values = self._layout.section.unpack_from(self._data, offset)
        name, kind, flags, _, start, size, link, info = values[:8]
        return _Header(name, kind, flags, start, size, link, info)

    def _text(self, table: bytes, start: int) -> str:
        return table[start : table.index(0, start)].decode()

    def graph(self) -> ObjectGraph:
        """Assemble sections, symbols and relocations into one value."""
        symbols, strong, weak, optional = self._symbols()
        allocated = {
            index: header for index, header in enumerate(self._headers) if header.flags & _SHF_ALLOC
        }
        edges: dict[int, list[Edge]] = {index: [] for index in allocated}
        frames: list[tuple[int, Edge]] = []
        for header in self._headers:
            if header.kind not in (_SHT_RELA, _SHT_REL) or header.info not in allocated:
                continue
            references = self._relocations(header, symbols)
            if self._name(header.info) == ".eh_frame":
                frames.extend(references)
            else:
                edges[header.info].extend(edge for _, edge in references)
        self._attach_tables(allocated, edges, frames)
        sections = {
            index: Section(
                name=self._name(index),
                size=header.size,
                root=header.kind in _CONSTRUCTOR_TYPES
                or bool(header.flags & _SHF_GNU_RETAIN)
                or self._name(index).startswith((".ctors", ".init_array")),
                edges=tuple(dict.fromkeys(edges[index])),
            )
            for index, header in allocated.items()
            if self._name(index) != ".eh_frame"
        }
        return ObjectGraph(self._path, sections, strong, weak, frozenset(optional))

    def _name(self, index: int) -> str:
        return self._text(self._names, self._headers[index].name)

    def _symbols(self) -> tuple[list[Edge | None], dict[str, int], dict[str, int], set[str]]:
        table = next((h for h in self._headers if h.kind == _SHT_SYMTAB), None)
        if table is None:
            return [], {}, {}, set()
        strings_header = self._headers[table.link]
        strings = self._data[strings_header.offset : strings_header.offset + strings_header.size]
        extended = next((h for h in self._headers if h.kind == _SHT_SYMTAB_SHNDX), None)
        symbols: list[Edge | None] = []
        strong: dict[str, int] = {}
        weak: dict[str, int] = {}
        optional: set[str] = set()
        raw = self._data[table.offset : table.offset + table.size]
        for number, fields in enumerate(self._layout.symbol.iter_unpack(raw)):
            name_at, info, index = (
                (fields[0], fields[1], fields[3])
                if self._layout.wide
                else (fields[0], fields[3], fields[5])
            )
            if index == _SHN_XINDEX and extended is not None:
                index = struct.unpack_from("<I", self._data, extended.offset + 4 * number)[0]
            elif index >= _SHN_RESERVED:
                index = -1
            binding = info >> 4
            if binding == _STB_LOCAL:
                symbols.append(index if index > 0 else None)
                continue
            name = self._text(strings, name_at)
            symbols.append(name)
            if index != _SHN_UNDEF:
                (weak if binding == _STB_WEAK else strong)[name] = index
            elif binding == _STB_WEAK:
                optional.add(name)
        return symbols, strong, weak, optional

    def _relocations(
        self, header: _Header, symbols: list[Edge | None]
    ) -> Iterator[tuple[int, Edge]]:
        layout = self._layout.rela if header.kind == _SHT_RELA else self._layout.rel
        raw = self._data[header.offset : header.offset + header.size]
        for fields in layout.iter_unpack(raw):
            target = symbols[fields[1] >> self._layout.symbol_shift]
            if target is not None:
                yield fields[0], target

    def _attach_tables(
        self,
        allocated: dict[int, _Header],
        edges: dict[int, list[Edge]],
        frames: list[tuple[int, Edge]],
    ) -> None:
        """Make unwind and exception tables live exactly as long as the code they describe.

        A frame description's relocations come in order: the code, then its exception table. ARM's
        tables say the same with SHF_LINK_ORDER, whose sh_link names the code.
        """
        for index, header in allocated.items():
            if header.flags & _SHF_LINK_ORDER and header.link in edges:
                edges[header.link].append(index)
        code: int | None = None
        for _, target in sorted(frames, key=lambda frame: frame[0]):
            if not isinstance(target, int):
                continue
            name = self._name(target)
            if name.startswith(".gcc_except_table"):
                if code is not None:
                    edges[code].append(target)
            else:
                code = target if target in edges else None
