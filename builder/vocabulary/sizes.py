"""Bytes of a library, by whatever accounts for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from builder.vocabulary.targets import Target


@dataclass(frozen=True, slots=True, order=True)
class SizeRow:
    """Bytes of the stripped library that one component, file or section accounts for."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class SizeReport:
    """Where the bytes of one library went. Sizes are bytes; `download` is an estimate."""

    target: Target
    stripped: int
    download: int
    sections: tuple[SizeRow, ...]
    components: tuple[SizeRow, ...]
    objects: tuple[SizeRow, ...]


def sorted_rows(sizes: Iterable[tuple[str, int]]) -> tuple[SizeRow, ...]:
    """Sum sizes by name; largest first, ties by name."""
    totals: dict[str, int] = {}
    for name, size in sizes:
        totals[name] = totals.get(name, 0) + size
    return tuple(
        SizeRow(name, size) for name, size in sorted(totals.items(), key=lambda it: (-it[1], it[0]))
    )
