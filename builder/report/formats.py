"""The formats of a size report: one table, which the command line and the documentation ask."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from builder.report.bloaty import to_csv
from builder.report.budgets import Judged
from builder.report.difference import Difference, Growth
from builder.report.document import VERSION, to_document
from builder.report.markdown import to_markdown
from builder.report.page import Compared, to_html
from builder.report.render import to_text
from builder.vocabulary.sizes import SizeReport


@dataclass(frozen=True, slots=True)
class Told:
    """What a report tells: libraries, how each differs from its base, and budgets."""

    reports: tuple[SizeReport, ...]
    differences: tuple[Difference, ...] = ()
    judged: tuple[Judged, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the report as data; one library alone, with nothing else, is itself."""
        documents = [to_document(it) for it in self.reports]
        if len(documents) == 1 and not self.differences and not self.judged:
            return documents[0]
        more: dict[str, Any] = {}
        if self.differences:
            more["differences"] = [_difference(it) for it in self.differences]
        if self.judged:
            more["budgets"] = [_verdict(it) for it in self.judged]
        return {"version": VERSION, "reports": documents, **more}


def _difference(it: Difference) -> dict[str, Any]:
    return {
        "target": str(it.report.target),
        "was": it.base.stripped,
        "size": it.report.stripped,
        "reasons": list(it.reasons),
        **{
            table: [_growth(row) for row in getattr(it, table)]
            for table in ("operators", "components", "symbols")
        },
    }


def _growth(it: Growth) -> dict[str, Any]:
    return {"name": it.name, "was": it.was, "size": it.size, "reason": it.reason}


def _verdict(it: Judged) -> dict[str, Any]:
    return {
        "target": it.target,
        "metric": it.budget.metric,
        "size": it.size,
        "limit": it.budget.limit,
        "kept": it.kept,
        "history": [{"size": each.size, "reason": each.reason} for each in it.budget.history],
    }


def _text(told: Told) -> str:
    differences = {str(it.report.target): it for it in told.differences}
    parts = [to_text(it, difference=differences.get(str(it.target))) for it in told.reports]
    return "\n".join((*parts, *(f"{it}" for it in told.judged))).rstrip() + "\n"


def _json(told: Told) -> str:
    return json.dumps(told.document(), indent=2, ensure_ascii=False) + "\n"


def _html(told: Told) -> str:
    bases = {str(it.report.target): it.base for it in told.differences}
    return to_html([Compared(it, bases.get(str(it.target))) for it in told.reports])


FORMATS: Final[Mapping[str, Callable[[Told], str]]] = {
    "text": _text,
    "markdown": lambda told: to_markdown(told.reports, told.differences, told.judged),
    "json": _json,
    "csv": lambda told: to_csv(told.reports),
    "html": _html,
}
"""What makes each format."""
