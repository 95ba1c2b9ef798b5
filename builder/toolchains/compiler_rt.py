"""The compiler's runtime without what the C library has: zig's `memcpy` is a loop over bytes.

All of zig's compiler-rt is one object. Whoever needs one helper that only it has gets all of it,
and a definition in an object wins over one in a shared library: `memcpy`, `exp` and some ninety
more would come from there (measured: 18 % of the instructions of MobileNetV2 on arm64). In our copy
these definitions are references, so the C library's own are called, tuned for the processor.
"""

import struct
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from builder.vocabulary.errors import ToolchainError

_ARCHIVE: Final = b"!<arch>\n"
_MEMBER: Final = 60  # bytes of an archive member's header
_SIZE: Final = slice(48, 58)  # where it tells the size of the member
_ELF: Final = b"\x7fELF"
_ELFCLASS64: Final = 2
_SHT_SYMTAB: Final = 2
_GLOBAL: Final = 0x10  # binding STB_GLOBAL, no type


@dataclass(frozen=True, slots=True)
class _Class:
    """Where the tables of an ELF class are, and how their rows are laid out (gABI, chapter 4)."""

    sections_at: struct.Struct
    sections_offset: int
    counts_offset: int
    section: struct.Struct
    symbol: struct.Struct
    undefined: tuple[int, ...]
    index: int


_ELF32: Final = _Class(
    struct.Struct("<I"), 0x20, 0x2E, struct.Struct("<10I"), struct.Struct("<IIIBBH"),
    (0, 0, _GLOBAL, 0, 0), 5,
)  # fmt: skip
_ELF64: Final = _Class(
    struct.Struct("<Q"), 0x28, 0x3A, struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ"),
    (_GLOBAL, 0, 0, 0, 0), 3,
)  # fmt: skip
_COUNTS: Final = struct.Struct("<HH")  # bytes of a section header, and how many there are


def without(archive: bytes, names: AbstractSet[str]) -> bytes:
    """Return a copy of an archive whose objects refer to `names` instead of defining them.

    Raise `ToolchainError` for anything but an archive of little-endian ELF objects.
    """
    data = bytearray(archive)
    try:
        for start, size in _members(archive):
            if archive[start : start + len(_ELF)] == _ELF:
                with memoryview(data) as view:
                    _forget(view[start : start + size], names)
    except (struct.error, ValueError, IndexError) as error:
        raise ToolchainError(
            f"the compiler's runtime library cannot be read ({error})",
            hint="let it be made again: build-runtime cache clear",
        ) from error
    return bytes(data)


def _members(archive: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the members of an archive begin, and their sizes."""
    if not archive.startswith(_ARCHIVE):
        message = "no archive"
        raise ValueError(message)
    at = len(_ARCHIVE)
    while at < len(archive):
        size = int(archive[at:][_SIZE])
        yield at + _MEMBER, size
        at += _MEMBER + size + size % 2


def _forget(data: memoryview, names: AbstractSet[str]) -> None:
    """Make global definitions of `names` undefined symbols, in place."""
    known = _ELF64 if data[4] == _ELFCLASS64 else _ELF32
    (start,) = known.sections_at.unpack_from(data, known.sections_offset)
    width, count = _COUNTS.unpack_from(data, known.counts_offset)
    # more sections than the header can count are counted in the first row
    count = count or known.section.unpack_from(data, start)[5]
    rows = [known.section.unpack_from(data, start + width * index) for index in range(count)]
    for _, kind, _, _, offset, size, link, first_global, *_ in rows:
        if kind != _SHT_SYMTAB:
            continue
        strings = rows[link][4]
        step = known.symbol.size
        for at in range(offset + step * first_global, offset + size, step):
            name, *fields = known.symbol.unpack_from(data, at)
            if fields[known.index - 1] and _text(data, strings + name) in names:
                known.symbol.pack_into(data, at, name, *known.undefined)


def _text(data: memoryview, start: int) -> str:
    end = start
    while data[end]:
        end += 1
    return bytes(data[start:end]).decode(errors="surrogateescape")
