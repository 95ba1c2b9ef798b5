"""Size reports for tests: small ones whose tables add up."""

from collections.abc import Mapping, Sequence

from builder.vocabulary.sizes import (
    OperatorCost,
    Share,
    SizeReport,
    SizeRow,
    SymbolRow,
    sorted_rows,
)
from builder.vocabulary.targets import Target


def make_report(
    target: Target,
    stripped: int,
    download: int,
    *,
    rows: Sequence[tuple[str, int]] = (),
    sections: Sequence[tuple[str, int]] = (),
    operators: Mapping[str, int] | None = None,
) -> SizeReport:
    """Return a report whose files are `rows`, one symbol each, and whose operators share nothing.

    Without rows there is one file. `operators` are those with what each costs alone; the symbols
    are all of the core.
    """
    files = sorted_rows(rows or [("c10/a.cpp.o", stripped)])
    alone = operators or {}
    costs = tuple(OperatorCost(name, ("net",), size, 0) for name, size in alone.items())
    core = Share((), stripped - sum(alone.values()))
    symbols = tuple(
        SymbolRow(".text", it.name, f"f_{it.name}", 0, it.size, it.size) for it in files
    )
    return SizeReport(
        target=target,
        stripped=stripped,
        download=download,
        sections=sorted_rows(sections or [(".text", stripped)]),
        downloads=(SizeRow(".text", download),),
        components=files,
        objects=files,
        operators=costs,
        shares=(core, *(Share((name,), size) for name, size in alone.items())),
        symbols=symbols,
    )
