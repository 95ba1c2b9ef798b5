"""A size report as Markdown that fits a comment on a pull request."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from builder.report.budgets import Judged
from builder.report.difference import Difference, Growth
from builder.vocabulary.sizes import SizeReport

LONGEST: Final = 60_000
"""Bytes: what hosts of pull requests take as one comment, less a margin for others' words."""

_TOPS: Final = (25, 10, 3, 0)
_WIDTH: Final = 100


def to_markdown(
    reports: Sequence[SizeReport],
    differences: Sequence[Difference] = (),
    judged: Sequence[Judged] = (),
) -> str:
    """Return tables of all libraries; they get shorter until the whole is short enough."""
    texts = ("\n".join(_lines(reports, differences, judged, top)) + "\n" for top in _TOPS)
    return next((it for it in texts if len(it.encode()) < LONGEST), _brief(reports, judged))


def _brief(reports: Iterable[SizeReport], judged: Iterable[Judged]) -> str:
    """Return the verdicts without their reasons, then the sizes, as far as there is room."""
    verdicts = ("- " + _verdict(it).partition("\n")[0] for it in judged)
    sizes = (f"- {it.target}: {it.stripped:,} bytes" for it in reports)
    return "\n".join((*verdicts, *sizes)).encode()[: LONGEST - 1].decode(errors="ignore")


def _lines(
    reports: Iterable[SizeReport],
    differences: Iterable[Difference],
    judged: Iterable[Judged],
    top: int,
) -> Iterator[str]:
    changes = {str(it.report.target): it for it in differences}
    yield "| runtime | installed | download (estimate) | fixed core |" + (
        " change |" if changes else ""
    )
    yield "|---|--:|--:|--:|" + ("--:|" if changes else "")
    reports = tuple(reports)
    for it in reports:
        change = changes.get(str(it.target))
        told = f" {change.change:+,} |" if change else ""
        yield f"| {it.target} | {it.stripped:,} | {it.download:,} | {it.core:,} |{told}"
    for verdict in judged:
        yield f"\n{_verdict(verdict)}"
    for it in reports:
        change = changes.get(str(it.target))
        yield from _difference(change, top) if change else _costs(it, top)


def _verdict(judged: Judged) -> str:
    return f"{'✅' if judged.kept else '❌'} {_text(str(judged))}"


def _costs(report: SizeReport, top: int) -> Iterator[str]:
    rows = [it for it in report.operators if it.alone or it.shared][:top]
    if rows:
        yield f"\n<details><summary>Operators of {report.target}</summary>\n"
        yield "| operator | alone | with others | asked for by |\n|---|--:|--:|---|"
        for it in rows:
            models = _cell(", ".join(it.models))
            yield f"| {_cell(it.name)} | {it.alone:,} | {it.shared:,} | {models} |"
        yield "\n</details>"
    if top:
        yield f"\n<details><summary>Components of {report.target}</summary>\n"
        yield "| component | bytes |\n|---|--:|"
        yield from (f"| {_cell(it.name)} | {it.size:,} |" for it in report.components[:top])
        yield "\n</details>"


def _difference(difference: Difference, top: int) -> Iterator[str]:
    yield f"\n**{difference.report.target}: {difference.change:+,} bytes**"
    yield from (f"- {_text(it[:1000])}" for it in difference.reasons[:top])
    for title in ("operators", "components", "symbols"):
        rows: tuple[Growth, ...] = getattr(difference, title)
        shown = sorted(rows, key=lambda it: -abs(it.change))[:top]
        if not shown:
            continue
        yield f"\n<details><summary>{title}</summary>\n"
        yield f"| {title} | before | now | change | reason |\n|---|--:|--:|--:|---|"
        for it in shown:
            yield (
                f"| {_cell(it.name)} | {it.was:,} | {it.size:,} | {it.change:+,} |"
                f" {_cell(it.reason)} |"
            )
        yield "\n</details>"


def _cell(text: str) -> str:
    """Return a text for a table: names are code, and no bar ends the cell."""
    short = text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
    plain = " ".join(short.replace("`", "'").replace("|", "\\|").split())
    return f"`{plain}`" if plain else ""


def _text(text: str) -> str:
    """Return a text that no sign of is taken for markup."""
    for sign in "\\`*_<>[]|":
        text = text.replace(sign, f"\\{sign}")
    return text
