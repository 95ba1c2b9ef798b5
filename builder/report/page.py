"""A size report as one HTML page that needs nothing else: a treemap, and a table with search.

What the page does is in `templates/report/report.js`; here are the data it is given. A base is part
of the rows, so that whatever is summed up, its difference is, too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jinja2

from builder import VERSION
from builder.foundation.resources import TEMPLATES
from builder.report.names import component_of
from builder.vocabulary.sizes import SizeReport

_FOLDER: Final = TEMPLATES / "report"

_Key = tuple[str, str, str, tuple[str, ...]]
"""Section, file, symbol, and the operators that share it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A report, and the one of an earlier build of the same target, if there is one."""

    report: SizeReport
    base: SizeReport | None = None


def to_html(reports: Sequence[Compared]) -> str:
    """Return the page for one or several libraries; equal reports give equal bytes."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        keep_trailing_newline=True,
    )
    names = ", ".join(str(it.report.target) for it in reports)
    return environment.get_template("page.html.j2").render(
        version=VERSION,
        title=f"Size of the runtime for {names}",
        style=_text("report.css"),
        script=_text("report.js"),
        data=_in_html({"reports": [_data(it) for it in reports]}),
    )


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8").rstrip()


def _in_html(data: object) -> str:
    """Return JSON that ends no script element, whatever its texts hold."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _data(compared: Compared) -> dict[str, Any]:
    report, base = compared.report, compared.base
    sizes, before = _sums(report), _sums(base) if base else {}
    files, names = dict[str, tuple[int, str]](), dict[str, int]()
    shares, sections = dict[tuple[str, ...], int](), dict[str, int]()
    rows = []
    order = sorted(sizes.keys() | before.keys(), key=lambda it: (-sizes.get(it, 0), it))
    for key in order:
        section, file, symbol, operators = key
        number, _ = files.setdefault(file, (len(files), component_of(section, file)))
        rows.append([
            number,
            names.setdefault(symbol, len(names)),
            shares.setdefault(operators, len(shares)),
            sections.setdefault(section, len(sections)),
            sizes.get(key, 0),
            before.get(key, 0),
        ])  # fmt: skip
    costs = {it.name: it for it in (*(base.operators if base else ()), *report.operators)}
    positions = {name: number for number, name in enumerate(costs)}
    return {
        "target": str(report.target),
        "stripped": report.stripped,
        "download": report.download,
        "base": base.stripped if base else None,
        "operators": [[it.name, list(it.models)] for it in costs.values()],
        "shares": [[positions[name] for name in operators] for operators in shares],
        "sections": [[name, _ratio(report, name)] for name in sections],
        "files": [[name, component] for name, (_, component) in files.items()],
        "names": list(names),
        "rows": rows,
    }


def _sums(report: SizeReport) -> dict[_Key, int]:
    return {
        (it.section, it.object, it.symbol, report.shares[it.share].operators): it.size
        for it in report.symbols
        if it.size
    }


def _ratio(report: SizeReport, section: str) -> float:
    """Return how much of a byte of a section is downloaded."""
    size = sum(it.size for it in report.sections if it.name == section)
    download = sum(it.size for it in report.downloads if it.name == section)
    return round(download / size, 6) if size else 0.0
