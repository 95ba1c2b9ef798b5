"""Attribute every byte of a stripped library: to a section, a file, a symbol, and to operators."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.foundation.elf import ElfFile, read_elf
from builder.report.attribution.charging import Atom, Charger
from builder.report.linkmap import (
    FOLDED,
    Folded,
    OutputSection,
    mapped_symbols,
    parse_folded,
    parse_link_map,
)
from builder.report.names import component_of
from builder.vocabulary.errors import VerificationError
from builder.vocabulary.sizes import (
    Fact,
    OperatorCost,
    Share,
    SizeReport,
    SizeRow,
    SymbolRow,
    sorted_rows,
)
from builder.vocabulary.targets import Target

_RAW_DEFLATE: Final = -15
_SMALL: Final = 64  # bytes
SMALL: Final = "(small ones)"
"""Stands for all symbols of one place that have fewer than 64 bytes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a library was made for: its operators, each with the models that ask for it; and how."""

    operators: Mapping[str, tuple[str, ...]]
    made: tuple[Fact, ...] = ()


def measure(
    library: Path,
    link_map: Path,
    target: Target,
    roots: tuple[tuple[str, str], ...],
    asked: Asked = Asked({}),
) -> SizeReport:
    """Say where the bytes of `library` went; each table sums to its size.

    `link_map` is what lld wrote when it linked the library; beside it may be what it said of the
    sections that it folded. `roots` are pairs of a path prefix and the short name to show instead.
    The objects are read where the map says they are, unless no operators are `asked` for. Raises
    `VerificationError` when a file cannot be read or they do not belong together.
    """
    elf = read_elf(library)
    try:
        data = library.read_bytes()
        text = link_map.read_text(encoding="utf-8", errors="replace")
        folded = _folded(link_map.with_name(FOLDED))
    except OSError as error:
        message = f"cannot read {error.filename}: {error.strerror or error}"
        raise VerificationError(message) from error
    outputs = parse_link_map(text)
    _check_belong_together(elf, outputs)
    charger = Charger(
        elf,
        data,
        outputs,
        mapped_symbols(text),
        link_map.parent,
        roots,
        frozenset(asked.operators),
        folded,
    )
    atoms = tuple(charger.atoms())
    assert sum(atom.size for atom in atoms) == len(data)
    download = deflated_size(data)
    shares, number = _shares(atoms)
    return SizeReport(
        target=target,
        stripped=len(data),
        download=download,
        sections=sorted_rows((it.section, it.size) for it in atoms if it.size),
        downloads=_downloads(elf, data, download, atoms),
        components=sorted_rows(
            (component_of(it.section, it.object), it.size) for it in atoms if it.size
        ),
        objects=sorted_rows((it.object, it.size) for it in atoms),
        operators=tuple(_costs(asked, shares)),
        shares=shares,
        symbols=_symbols(atoms, number),
        made=asked.made,
    )


def _folded(path: Path) -> tuple[Folded, ...]:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return parse_folded(text)


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


def _shares(atoms: Iterable[Atom]) -> tuple[tuple[Share, ...], dict[frozenset[str], int]]:
    """Return the shares, largest first, the fixed core before all, and the number of each."""
    totals: dict[frozenset[str], int] = {frozenset(): 0}
    for atom in atoms:
        totals[atom.owners] = totals.get(atom.owners, 0) + atom.size
    ordered = sorted(totals.items(), key=lambda it: (bool(it[0]), -it[1], sorted(it[0])))
    shares = tuple(Share(tuple(sorted(owners)), size) for owners, size in ordered)
    return shares, {owners: number for number, (owners, _) in enumerate(ordered)}


def _costs(asked: Asked, shares: Iterable[Share]) -> Iterator[OperatorCost]:
    alone: dict[str, int] = {}
    shared: dict[str, int] = {}
    for share in shares:
        table = alone if len(share.operators) == 1 else shared
        for name in share.operators:
            table[name] = table.get(name, 0) + share.size
    names = sorted(asked.operators, key=lambda it: (-alone.get(it, 0), -shared.get(it, 0), it))
    for name in names:
        models = tuple(sorted(asked.operators[name]))
        yield OperatorCost(name, models, alone.get(name, 0), shared.get(name, 0))


def _symbols(atoms: Iterable[Atom], number: Mapping[frozenset[str], int]) -> tuple[SymbolRow, ...]:
    """Return the families of symbols; the small ones of one place are one row."""
    whole = _sums(
        ((it.section, it.object, it.symbol, number[it.owners]), (it.size, it.memory))
        for it in atoms
    )
    rows = (
        SymbolRow(*key, *sums)
        for key, sums in _sums(
            ((place, file, symbol if max(sums) >= _SMALL else SMALL, share), sums)
            for (place, file, symbol, share), sums in whole.items()
        ).items()
    )
    return tuple(
        sorted(
            rows, key=lambda it: (-it.size, -it.memory, it.section, it.object, it.symbol, it.share)
        )
    )


_Key = tuple[str, str, str, int]


def _sums(parts: Iterable[tuple[_Key, tuple[int, int]]]) -> dict[_Key, tuple[int, int]]:
    """Add up the bytes of the file and those of memory."""
    totals: dict[_Key, tuple[int, int]] = {}
    for key, (more, memory) in parts:
        before = totals.get(key, (0, 0))
        totals[key] = before[0] + more, before[1] + memory
    return totals


def _downloads(
    elf: ElfFile, data: bytes, download: int, atoms: Iterable[Atom]
) -> tuple[SizeRow, ...]:
    """Share what is downloaded among the sections, by how well each compresses on its own."""
    sizes: dict[str, int] = {}
    for atom in atoms:
        if atom.size:
            sizes[atom.section] = sizes.get(atom.section, 0) + atom.size
    alone = {
        it.name: deflated_size(data[it.offset : it.offset + it.stored])
        for it in elf.sections
        if it.stored and it.name in sizes
    }
    weights = {name: alone.get(name, size) for name, size in sizes.items()}
    return sorted_rows(apportion(download, weights).items())


def apportion(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Split a number in proportion to weights, without losing one to rounding."""
    whole = max(sum(weights.values()), 1)
    parts, seen, given = dict[str, int](), 0, 0
    for name in sorted(weights):
        seen += weights[name]
        parts[name] = total * seen // whole - given
        given += parts[name]
    return parts
