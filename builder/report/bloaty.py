"""A size report as CSV with the columns of bloaty, for the tools that read those.

`vmsize` counts what is loaded, zeroed bytes included; `filesize` is bytes of the file. Source:
https://github.com/google/bloaty/blob/main/doc/using.md
"""

import csv
import io
from collections.abc import Iterable
from typing import Final

from builder.vocabulary.sizes import SizeReport

_COLUMNS: Final = ("sections", "compileunits", "symbols", "vmsize", "filesize")


def to_csv(reports: Iterable[SizeReport]) -> str:
    """Return the rows of all symbols; those of several libraries have a column `target` first."""
    reports = tuple(reports)
    several = len(reports) > 1
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("target", *_COLUMNS) if several else _COLUMNS)
    for report in reports:
        for it in report.symbols:
            names = (_on_one_line(name) for name in (it.section, it.object, it.symbol))
            row = (*names, it.memory, it.size)
            writer.writerow((str(report.target), *row) if several else row)
    return text.getvalue()


def _on_one_line(name: str) -> str:
    """Return a name without what ends a row for some readers, quoted or not."""
    return name.replace("\r", " ").replace("\n", " ")
