"""A size report as text for people."""

from collections.abc import Iterator
from typing import Final

from builder.report.difference import Difference, Growth
from builder.vocabulary.sizes import OperatorCost, SizeReport, SizeRow

_TABLES: Final = ("sections", "components", "objects")
_WIDTH: Final = 60


def to_text(report: SizeReport, *, top: int = 25, difference: Difference | None = None) -> str:
    """Return the report as tables; at most `top` rows of operators, components and objects."""
    lines = [
        f"Size of the runtime for {report.target}",
        "",
        f"  stripped   {report.stripped:>12,} bytes",
        f"  download~  {report.download:>12,} bytes   (estimate: the file deflated)",
    ]
    if difference is not None:
        lines += ["", *_difference(difference, top)]
    if report.operators:
        lines += ["", *_operators(report, top)]
    for table in _TABLES:
        rows: tuple[SizeRow, ...] = getattr(report, table)
        shown = rows if table == "sections" else rows[:top]
        lines += ["", table, *_table(shown, report.stripped)]
        if len(rows) > len(shown):
            rest = sum(row.size for row in rows[len(shown) :])
            lines += _table((SizeRow(f"({len(rows) - len(shown)} more)", rest),), report.stripped)
    return "\n".join(lines) + "\n"


def _difference(difference: Difference, top: int) -> Iterator[str]:
    """Yield what changed since the base, why, and what changed most."""
    base = difference.base.stripped
    yield f"{difference.change:+,} bytes since the base of {base:,}"
    yield from (f"  {it}" for it in difference.reasons)
    for title in ("operators", "components", "symbols"):
        rows: tuple[Growth, ...] = getattr(difference, title)
        shown = sorted(rows, key=lambda it: (-abs(it.change), it.name))[:top]
        if shown:
            yield ""
            yield f"{title} that changed"
        for it in shown:
            reason = f"   {it.reason}" if it.reason else ""
            yield f"  {_fitting(it.name):<{_WIDTH}} {it.change:>+12,}{reason}"


def _operators(report: SizeReport, top: int) -> Iterator[str]:
    """Yield what each operator would take away, and what it needs together with others."""
    yield f"{'operators':<{_WIDTH + 2}} {'alone':>12} {'with others':>12}"
    shown = [it for it in report.operators if it.alone or it.shared][:top]
    for it in shown:
        yield f"  {_fitting(it.name):<{_WIDTH}} {it.alone:>12,} {it.shared:>12,}{_asked_by(it)}"
    rest = report.operators[len(shown) :]
    if rest:
        alone = sum(it.alone for it in rest)
        yield f"  {f'({len(rest)} more)':<{_WIDTH}} {alone:>12,}"
    yield f"  {'shared by several operators':<{_WIDTH}} {_between(report):>12,}"
    yield f"  {'fixed core':<{_WIDTH}} {report.core:>12,}"


def _asked_by(cost: OperatorCost) -> str:
    return f"   {', '.join(cost.models)}" if cost.models else ""


def _between(report: SizeReport) -> int:
    return sum(it.size for it in report.shares if len(it.operators) > 1)


def _fitting(name: str) -> str:
    return name if len(name) <= _WIDTH else "…" + name[1 - _WIDTH :]


def _table(rows: tuple[SizeRow, ...], total: int) -> Iterator[str]:
    for row in rows:
        share = row.size / max(total, 1)
        yield f"  {_fitting(row.name):<{_WIDTH}} {row.size:>12,} {share:>6.1%}"
