"""Attribute every byte of a stripped library to a section, an object file and a component."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation.elf import ElfFile, Section, read_elf
from builder.report.linkmap import OutputSection, parse_link_map
from builder.report.names import LINKER, component_of, object_name
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.sizes import SizeReport, sorted_rows
from builder.vocabulary.targets import Target

_RAW_DEFLATE: Final = -15
HEADERS: Final = LINKER + "headers"
PADDING: Final = LINKER + "padding"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of bytes of the file and the object they came from."""

    section: str
    object: str
    size: int


def measure(
    library: Path, link_map: Path, target: Target, roots: tuple[tuple[str, str], ...]
) -> SizeReport:
    """Say where the bytes of `library` went; each of the three tables sums to its size.

    `link_map` is what lld wrote when it linked the library. `roots` are pairs of a path prefix and
    the short name to show instead. Raises `VerificationError` when either file cannot be read or
    they do not belong together.
    """
    elf = read_elf(library)
    try:
        data = library.read_bytes()
        text = link_map.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        message = f"cannot read {error.filename}: {error.strerror or error}"
        raise VerificationError(message) from error
    outputs = parse_link_map(text)
    _check_belong_together(elf, outputs)
    pieces = list(_whole_file(elf, outputs, roots))
    assert sum(piece.size for piece in pieces) == len(data)
    return SizeReport(
        target=target,
        stripped=len(data),
        download=deflated_size(data),
        sections=sorted_rows((piece.section, piece.size) for piece in pieces),
        components=sorted_rows(
            (component_of(piece.section, piece.object), piece.size) for piece in pieces
        ),
        objects=sorted_rows((piece.object, piece.size) for piece in pieces),
    )


def deflated_size(data: bytes) -> int:
    """Return the bytes of `data` as stores and archives compress it (raw deflate, level 9)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE)
    return len(compressor.compress(data)) + len(compressor.flush())


def _check_belong_together(elf: ElfFile, outputs: Iterable[OutputSection]) -> None:
    """Refuse the map of another link: its numbers would look right and be wrong."""
    mapped = {(output.name, output.address, output.size) for output in outputs}
    strangers = [
        section.name
        for section in elf.sections
        if section.address and (section.name, section.address, section.size) not in mapped
    ]
    if strangers:
        message = f"the link map does not describe this library (differs in {strangers[0]})"
        raise VerificationError(message, hint="measure a library with the map of its own link")


def _whole_file(
    elf: ElfFile, outputs: tuple[OutputSection, ...], roots: tuple[tuple[str, str], ...]
) -> Iterator[_Piece]:
    """Yield the file from its first byte to its last: what no section holds included."""
    by_place = {(output.name, output.address): output for output in outputs}
    headers = min((it.offset for it in elf.sections if it.stored), default=elf.size)
    table = Section("section headers", elf.section_table[0], 0, *(elf.section_table[1],) * 2)
    position = 0
    for section in sorted((*elf.sections, table), key=lambda it: (it.offset, it.name)):
        if not section.stored:
            continue
        if section.offset < position or section.offset + section.stored > elf.size:
            message = f"section {section.name} overlaps another or ends after the file"
            raise VerificationError(message, hint="build the library again")
        gap = section.offset - position
        yield from _gap(gap, HEADERS if section.offset == headers else PADDING)
        if section is table:
            yield _Piece("headers", HEADERS, section.stored)
        else:
            output = by_place.get((section.name, section.address))
            yield from _pieces(section, output, roots)
        position = section.offset + section.stored
    yield from _gap(elf.size - position, PADDING)


def _gap(size: int, name: str) -> Iterator[_Piece]:
    if size:
        yield _Piece(name.removeprefix(LINKER), name, size)


def _pieces(
    section: Section, output: OutputSection | None, roots: tuple[tuple[str, str], ...]
) -> Iterator[_Piece]:
    """Yield the bytes of one section; those of no input are padding between two of them."""
    if output is None or not section.address:
        yield _Piece(section.name, LINKER + section.name, section.stored)
        return
    position, end = section.address, section.address + section.stored
    for piece in output.pieces:
        start = max(piece.address, position)
        stop = min(piece.address + piece.size, end)
        if stop <= start:
            continue
        if start > position:
            yield _Piece(section.name, PADDING, start - position)
        name = object_name(piece.file, piece.section, roots)
        yield _Piece(section.name, name, stop - start)
        position = stop
    if position < end:
        yield _Piece(section.name, PADDING, end - position)
