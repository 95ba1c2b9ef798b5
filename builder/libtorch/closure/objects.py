"""Relocatable ELF objects as graphs: sections, and what each of them refers to.

Hundreds of objects are read for every plan, so this reads the few tables it needs with `struct`
instead of building pyelftools' general object model (measured: 25 times slower).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.libtorch.closure.tables import (
    SHF_ALLOC,
    SHF_LINK_ORDER,
    SHN_RESERVED,
    SHN_UNDEF,
    SHN_XINDEX,
    SHT_REL,
    SHT_RELA,
    SHT_SYMTAB,
    SHT_SYMTAB_SHNDX,
    STB_LOCAL,
    STB_WEAK,
    ElfTables,
    Header,
    text_at,
)
from builder.vocabulary.errors import CompileError

_SHF_GNU_RETAIN: Final = 0x200000
_CONSTRUCTOR_TYPES: Final = frozenset({14, 15, 16})  # init, fini and preinit arrays

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


def read_object(path: Path) -> ObjectGraph:
    """Read one `.o` file; raise `CompileError` when it is not a relocatable ELF object."""
    return parse_object(path, path.read_bytes())


def parse_object(path: Path, data: bytes) -> ObjectGraph:
    """Return the graph of an object whose bytes are at hand, as a member; as above."""
    try:
        return _Reader(path, data).graph()
    except (struct.error, IndexError, OverflowError, ValueError) as error:
        raise CompileError(
            f"{path} is not a complete object file ({error})",
            hint="remove it and run the same command again",
        ) from error


class _Reader(ElfTables):
    """Walks the tables of one object; lives only inside `read_object`."""

    def __init__(self, path: Path, data: bytes) -> None:
        super().__init__(data)
        self._path = path

    def graph(self) -> ObjectGraph:
        """Assemble sections, symbols and relocations into one value."""
        symbols, strong, weak, optional = self._symbols()
        allocated = {
            index: header for index, header in enumerate(self.headers) if header.flags & SHF_ALLOC
        }
        edges: dict[int, list[Edge]] = {index: [] for index in allocated}
        frames: list[tuple[int, Edge]] = []
        for header in self.headers:
            if header.kind not in (SHT_RELA, SHT_REL) or header.info not in allocated:
                continue
            references = self._relocations(header, symbols)
            if self.name(header.info) == ".eh_frame":
                frames.extend(references)
            else:
                edges[header.info].extend(edge for _, edge in references)
        self._attach_tables(allocated, edges, frames)
        sections = {
            index: Section(
                name=self.name(index),
                size=header.size,
                root=header.kind in _CONSTRUCTOR_TYPES
                or bool(header.flags & _SHF_GNU_RETAIN)
                or self.name(index).startswith((".ctors", ".init_array")),
                edges=tuple(dict.fromkeys(edges[index])),
            )
            for index, header in allocated.items()
            if self.name(index) != ".eh_frame"
        }
        return ObjectGraph(self._path, sections, strong, weak, frozenset(optional))

    def _symbols(self) -> tuple[list[Edge | None], dict[str, int], dict[str, int], set[str]]:
        table = next((h for h in self.headers if h.kind == SHT_SYMTAB), None)
        if table is None:
            return [], {}, {}, set()
        strings_header = self.headers[table.link]
        strings = self.data[strings_header.offset : strings_header.offset + strings_header.size]
        extended = next((h for h in self.headers if h.kind == SHT_SYMTAB_SHNDX), None)
        symbols: list[Edge | None] = []
        strong: dict[str, int] = {}
        weak: dict[str, int] = {}
        optional: set[str] = set()
        raw = self.data[table.offset : table.offset + table.size]
        for number, fields in enumerate(self.layout.symbol.iter_unpack(raw)):
            name_at, info, index = (
                (fields[0], fields[1], fields[3])
                if self.layout.wide
                else (fields[0], fields[3], fields[5])
            )
            if index == SHN_XINDEX and extended is not None:
                index = struct.unpack_from("<I", self.data, extended.offset + 4 * number)[0]
            elif index >= SHN_RESERVED:
                index = -1
            binding = info >> 4
            if binding == STB_LOCAL:
                symbols.append(index if index > 0 else None)
                continue
            name = text_at(strings, name_at)
            symbols.append(name)
            if index != SHN_UNDEF:
                (weak if binding == STB_WEAK else strong)[name] = index
            elif binding == STB_WEAK:
                optional.add(name)
        return symbols, strong, weak, optional

    def _relocations(
        self, header: Header, symbols: list[Edge | None]
    ) -> Iterator[tuple[int, Edge]]:
        layout = self.layout.rela if header.kind == SHT_RELA else self.layout.rel
        raw = self.data[header.offset : header.offset + header.size]
        for fields in layout.iter_unpack(raw):
            target = symbols[fields[1] >> self.layout.symbol_shift]
            if target is not None:
                yield fields[0], target

    def _attach_tables(
        self,
        allocated: dict[int, Header],
        edges: dict[int, list[Edge]],
        frames: list[tuple[int, Edge]],
    ) -> None:
        """Make unwind and exception tables live exactly as long as the code they describe.

        A frame description's relocations come in order: the code, then its exception table. ARM's
        tables say the same with SHF_LINK_ORDER, whose sh_link names the code.
        """
        for index, header in allocated.items():
            if header.flags & SHF_LINK_ORDER and header.link in edges:
                edges[header.link].append(index)
        code: int | None = None
        for _, target in sorted(frames, key=lambda frame: frame[0]):
            if not isinstance(target, int):
                continue
            name = self.name(target)
            if name.startswith(".gcc_except_table"):
                if code is not None:
                    edges[code].append(target)
            else:
                code = target if target in edges else None
