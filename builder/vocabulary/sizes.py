"""Bytes of a library, by whatever accounts for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from builder.vocabulary.targets import Target


@dataclass(frozen=True, slots=True, order=True)
class SizeRow:
    """Bytes of the stripped library that one component, file or section accounts for."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class OperatorCost:
    """What an operator costs: `alone` goes if it is dropped, `shared` it needs with others.

    `models` are the names of those that ask for it.
    """

    name: str
    models: tuple[str, ...]
    alone: int
    shared: int


@dataclass(frozen=True, slots=True)
class Share:
    """Bytes that exactly these operators need; without any, the fixed core."""

    operators: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """Bytes of all instances of one template, or of one function or table, in one section.

    `share` is the index of the share they belong to. `memory` counts zeroed bytes, too, which the
    file does not hold.
    """

    section: str
    object: str
    symbol: str
    share: int
    size: int
    memory: int


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that decides the size of a library besides its operators: the compiler, a flag."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeReport:
    """Where the bytes of one library went. Sizes are bytes; `download` is an estimate.

    `sections`, `components`, `objects`, `shares` and `symbols` each sum to `stripped`, `downloads`
    (by section) to `download`. The bytes of relocations, unwind tables and merged constants are
    those of the file that causes them. `made` says how the library was made.
    """

    target: Target
    stripped: int
    download: int
    sections: tuple[SizeRow, ...]
    downloads: tuple[SizeRow, ...]
    components: tuple[SizeRow, ...]
    objects: tuple[SizeRow, ...]
    operators: tuple[OperatorCost, ...]
    shares: tuple[Share, ...]
    symbols: tuple[SymbolRow, ...]
    made: tuple[Fact, ...] = ()

    @property
    def core(self) -> int:
        """The bytes that stay whatever operator is dropped."""
        return sum(it.size for it in self.shares if not it.operators)


def sorted_rows(sizes: Iterable[tuple[str, int]]) -> tuple[SizeRow, ...]:
    """Sum sizes by name; largest first, ties by name."""
    totals: dict[str, int] = {}
    for name, size in sizes:
        totals[name] = totals.get(name, 0) + size
    return tuple(
        SizeRow(name, size) for name, size in sorted(totals.items(), key=lambda it: (-it[1], it[0]))
    )


class Metric(StrEnum):
    """What a budget limits."""

    INSTALLED = "installed"
    DOWNLOAD = "download"
    GROWTH = "growth"


@dataclass(frozen=True, slots=True)
class Limit:
    """Bytes that are allowed, and why: a limit higher than the one before it needs a reason."""

    size: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one metric may be, for a target (without API level) or (`target` is empty) for all.

    `history` ends with the limit that counts; those before it are what it was.
    """

    metric: Metric
    history: tuple[Limit, ...]
    target: str = ""

    @property
    def limit(self) -> int:
        """The bytes that are allowed now."""
        return self.history[-1].size
