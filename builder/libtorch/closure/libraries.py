"""What the system's and the compiler's libraries define: symbols no source has to be found for."""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from builder.vocabulary.errors import ToolchainError

_ARCHIVE: Final = b"!<arch>\n"
_MEMBER: Final = 60  # bytes of an archive member's header
LINKER_SYMBOLS: Final = frozenset(
    {
        "_DYNAMIC", "_GLOBAL_OFFSET_TABLE_", "__bss_start", "__dso_handle", "__ehdr_start",
        "__exidx_end", "__exidx_start", "__fini_array_end", "__fini_array_start",
        "__init_array_end", "__init_array_start", "__tls_get_addr", "_edata", "_end", "_etext",
    }
)  # fmt: skip
"""Symbols the linker makes itself."""


def provided_symbols(libraries: Iterable[Path]) -> frozenset[str]:
    """Return every symbol the archives, the shared libraries and the linker define.

    Raises `ToolchainError` for a file that is neither an archive nor a library.
    """
    return LINKER_SYMBOLS.union(*map(_symbols, libraries))


def shared_symbols(libraries: Iterable[Path]) -> frozenset[str]:
    """Return every symbol that shared libraries define; raise `ToolchainError` as above."""
    return frozenset[str]().union(*map(_symbols, libraries))


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each member of an archive with its full name; raise `ValueError` if it is damaged."""
    data = archive.read_bytes()
    if not data.startswith(_ARCHIVE):
        message = f"{archive} is no archive"
        raise ValueError(message)
    names, position = b"", len(_ARCHIVE)
    while position + _MEMBER <= len(data):
        name = data[position : position + 16].rstrip().decode()
        size = int(data[position + 48 : position + 58])
        content = data[position + _MEMBER : position + _MEMBER + size]
        if name == "//":
            names = content
        elif name not in ("/", "/SYM64/"):
            yield _member_name(name, names), content
        position += _MEMBER + size + size % 2


def _member_name(name: str, names: bytes) -> str:
    """Return the name of a member: long ones stand in a table of their own, ended by `/`."""
    if name.startswith("/"):
        return names[int(name[1:]) :].partition(b"\n")[0].decode().removesuffix("/")
    return name.removesuffix("/")


def _symbols(library: Path) -> set[str]:
    try:
        data = library.read_bytes() if library.suffix == ".a" else b""
        is_archive = data.startswith(_ARCHIVE)
        return _archive_index(data) if is_archive else _dynamic_symbols(library)
    except (ELFError, OSError, struct.error, ValueError) as error:
        raise ToolchainError(
            f"{library}, a library of the toolchain, cannot be read ({error})",
            hint="let it be made again: build-runtime cache clear",
        ) from error


def _archive_index(data: bytes) -> set[str]:
    """Read the symbol index every archive begins with (`/`, or `/SYM64/` with 8-byte offsets)."""
    name = data[8:24].rstrip()
    if name not in (b"/", b"/SYM64/"):
        return set()
    width, layout = (4, ">I") if name == b"/" else (8, ">Q")
    start = len(_ARCHIVE) + _MEMBER
    size = int(data[start - 12 : start - 2])
    (count,) = struct.unpack_from(layout, data, start)
    names = data[start + width * (count + 1) : start + size]
    return {name.decode() for name in names.split(b"\0")[:count]}


def _dynamic_symbols(library: Path) -> set[str]:
    with library.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".dynsym")
        if not isinstance(table, SymbolTableSection):
            return set()
        return {symbol.name for symbol in table.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF"}
