"""Relocatable ELF objects made by hand, as compilers write them."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

ALLOC: Final = 2
EXEC: Final = 6
LINK_ORDER: Final = 0x82
GROUPED: Final = 0x206
RETAIN: Final = 0x200002
PROGBITS, SYMTAB, STRTAB, RELA, NOBITS, REL, INIT_ARRAY, GROUP, SHNDX = 1, 2, 3, 4, 8, 9, 14, 17, 18
ARM_EXIDX: Final = 0x70000001
LOCAL, GLOBAL, WEAK = 0, 1, 2
UNDEFINED, ABSOLUTE, COMMON = 0, 0xFFF1, 0xFFF2

_ROWS: Final = {
    SYMTAB: ("<IIIBBH", "<IBBHQQ"), RELA: ("<IIi", "<QQq"), REL: ("<II", "<QQ"),
    SHNDX: ("<I", "<I"),
}  # fmt: skip
"""The layout of a table's rows in both classes, 32 bits first."""


@dataclass(frozen=True)
class Section:
    """One section of zeros, unless it has `content`; `entry` is the size of one of its constants.

    `relocations` are (offset, name of a symbol, or of a section as `[name]`), and if it matters the
    addend and the kind."""

    name: str
    size: int = 4
    kind: int = PROGBITS
    flags: int = EXEC
    relocations: tuple[tuple[int, str] | tuple[int, str, int, int], ...] = ()
    ordered_with: str = ""
    content: bytes = b""
    entry: int = 0


@dataclass(frozen=True)
class Symbol:
    """One symbol of a section (by name), or undefined, absolute or common (by number)."""

    name: str
    place: str | int = UNDEFINED
    binding: int = GLOBAL


def make_object(
    sections: Sequence[Section], symbols: Sequence[Symbol], *, bits: int = 64, rela: bool = True,
    extended: bool = False, machine: int = 0,
) -> bytes:  # fmt: skip
    """Lay out an object of either class. `extended`: section numbers stand in SHT_SYMTAB_SHNDX."""
    wide = bits == 64
    number = {section.name: index for index, section in enumerate(sections, 1)}
    local = [Symbol(f"[{section.name}]", section.name, LOCAL) for section in sections]
    ordered = [*local, *sorted(symbols, key=lambda it: it.binding != LOCAL)]
    row = {symbol.name: index for index, symbol in enumerate(ordered, 1)}
    relocated = [section for section in sections if section.relocations]
    symtab = len(sections) + len(relocated) + 1

    strings = bytearray(b"\0")
    table = bytearray(24 if wide else 16)
    places = bytearray(4)
    for symbol in ordered:
        place = number[symbol.place] if isinstance(symbol.place, str) else symbol.place
        shown = 0xFFFF if extended and isinstance(symbol.place, str) else place
        places += struct.pack("<I", place if shown == 0xFFFF else 0)
        info = symbol.binding << 4 | (3 if symbol.name.startswith("[") else 0)
        if wide:
            table += struct.pack(_ROWS[SYMTAB][1], len(strings), info, 0, shown, 0, 0)
        else:
            table += struct.pack(_ROWS[SYMTAB][0], len(strings), 0, 0, info, 0, shown)
        strings += symbol.name.encode() + b"\0"

    headers: list[tuple[str, int, int, bytes, int, int, int]] = [
        (
            it.name, it.kind, it.flags, it.content or bytes(it.size), it.size,
            number[it.ordered_with] if it.ordered_with else 0, 0,
        )
        for it in sections
    ]  # fmt: skip
    for section in relocated:
        data = b"".join(
            _relocation(at, row[to], wide, rela, *more) for at, to, *more in section.relocations
        )
        kind, prefix = (RELA, ".rela") if rela else (REL, ".rel")
        headers.append(
            (prefix + section.name, kind, 0, data, len(data), symtab, number[section.name])
        )
    headers.append((".symtab", SYMTAB, 0, bytes(table), len(table), symtab + 1, 1 + len(local)))
    headers.append((".strtab", STRTAB, 0, bytes(strings), len(strings), 0, 0))
    if extended:
        headers.append((".symtab_shndx", SHNDX, 0, bytes(places), len(places), symtab, 0))
    entries = {it.name: it.entry for it in sections}
    return _assemble(headers, entries, machine or (62 if wide else 40), wide=wide)


def _relocation(  # noqa: PLR0917
    offset: int, symbol: int, wide: bool, rela: bool, addend: int = 0, kind: int = 1,  # noqa: FBT001
) -> bytes:  # fmt: skip
    info = symbol << (32 if wide else 8) | kind
    row = _ROWS[RELA if rela else REL][wide]
    return struct.pack(row, offset, info, *([addend] if rela else []))


def _assemble(
    headers: list[tuple[str, int, int, bytes, int, int, int]],
    entries: Mapping[str, int],
    machine: int,
    *,
    wide: bool,
) -> bytes:
    names = bytearray(b"\0")
    layout = "<IIQQQQIIQQ" if wide else "<10I"
    body = bytearray(64 if wide else 52)
    rows = [bytes(struct.calcsize(layout))]
    for name, kind, flags, data, size, link, info in [
        *headers,
        (".shstrtab", STRTAB, 0, b"", 0, 0, 0),
    ]:
        start = len(names)
        names += name.encode() + b"\0"
        content = bytes(names) if name == ".shstrtab" else data
        length = len(content) or size
        row = struct.calcsize(_ROWS[kind][wide]) if kind in _ROWS else entries.get(name, 0)
        rows.append(
            struct.pack(layout, start, kind, flags, 0, len(body), length, link, info, 1, row)
        )
        body += b"" if kind == NOBITS else content
    offset = len(body)
    body += b"".join(rows)
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1, 1)) + bytes(9)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH" if wide else "<16sHHIIIIIHHHHHH",
        ident, 1, machine, 1, 0, 0, offset, 0,
        64 if wide else 52, 0, 0, struct.calcsize(layout), len(rows), len(rows) - 1,
    )  # fmt: skip
    body[: len(head)] = head
    return bytes(body)
