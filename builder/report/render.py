"""A size report as text for people and as JSON for programs, and JSON read back."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import SizeReport, SizeRow
from builder.vocabulary.targets import Abi, Platform, Target

VERSION: Final = 1
"""Of the JSON: raised when a reader of the old one would misunderstand the new one."""

_FORMER_VERSION: Final = "schema_version"
"""What the version was called before all documents called it `version`."""

_TABLES: Final = ("sections", "components", "objects")
_WIDTH: Final = 60


def to_text(report: SizeReport, *, top: int = 25) -> str:
    """Return the report as tables; at most `top` rows of components and of objects."""
    lines = [
        f"Size of the runtime for {report.target}",
        "",
        f"  stripped   {report.stripped:>12,} bytes",
        f"  download~  {report.download:>12,} bytes   (estimate: the file deflated)",
    ]
    for table in _TABLES:
        rows: tuple[SizeRow, ...] = getattr(report, table)
        shown = rows if table == "sections" else rows[:top]
        lines += ["", table, *_table(shown, report.stripped)]
        if len(rows) > len(shown):
            rest = sum(row.size for row in rows[len(shown) :])
            lines += _table((SizeRow(f"({len(rows) - len(shown)} more)", rest),), report.stripped)
    return "\n".join(lines) + "\n"


def _table(rows: tuple[SizeRow, ...], total: int) -> Iterator[str]:
    for row in rows:
        name = row.name if len(row.name) <= _WIDTH else "…" + row.name[1 - _WIDTH :]
        yield f"  {name:<{_WIDTH}} {row.size:>12,} {row.size / max(total, 1):>6.1%}"


def to_document(report: SizeReport) -> dict[str, Any]:
    """Return the report as the plain data that `size-report.schema.json` describes."""
    target = report.target
    return {
        "version": VERSION,
        "target": {
            "platform": target.platform,
            "abi": target.abi,
            "api_level": target.api_level,
        },
        "stripped": report.stripped,
        "download": report.download,
        **{
            table: [{"name": row.name, "size": row.size} for row in getattr(report, table)]
            for table in _TABLES
        },
    }


def to_json(report: SizeReport) -> str:
    """Return the report as JSON."""
    return json.dumps(to_document(report), indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> SizeReport:
    """Read what `to_json` wrote; raise `UsageError` on anything else."""
    try:
        document = json.loads(text)
        if "version" not in document:
            document["version"] = document.pop(_FORMER_VERSION)
        version = document["version"]
        if version != VERSION:
            message = f"the size report has version {version!r}, this program reads {VERSION}"
            raise UsageError(message, hint="make both reports with the same build-runtime")
        report = _report(document)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        message = f"not a size report of build-runtime: {error}"
        raise UsageError(message, hint="pass a size-report.json") from error
    return report


def _report(document: Mapping[str, Any]) -> SizeReport:
    _require_keys(document, {"version", "target", "stripped", "download", *_TABLES})
    target = document["target"]
    _require_keys(target, {"platform", "abi", "api_level"})
    level = target["api_level"]
    report = SizeReport(
        target=Target(
            Platform(target["platform"]), Abi(target["abi"]), None if level is None else _int(level)
        ),
        stripped=_int(document["stripped"]),
        download=_int(document["download"]),
        sections=_rows(document["sections"]),
        components=_rows(document["components"]),
        objects=_rows(document["objects"]),
    )
    for table in _TABLES:
        if sum(row.size for row in getattr(report, table)) != report.stripped:
            message = f"its {table} do not sum to the stripped size"
            raise ValueError(message)
    return report


def _rows(rows: object) -> tuple[SizeRow, ...]:
    if not isinstance(rows, list):
        message = f"expected a list of rows, not {rows!r:.40}"
        raise TypeError(message)
    return tuple(_row(row) for row in rows)


def _row(row: Mapping[str, Any]) -> SizeRow:
    _require_keys(row, {"name", "size"})
    if not isinstance(row["name"], str):
        message = f"expected a name, not {row['name']!r:.40}"
        raise TypeError(message)
    return SizeRow(row["name"], _int(row["size"]))


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        message = f"expected a number of bytes, not {value!r:.40}"
        raise ValueError(message)
    return value


def _require_keys(value: object, keys: set[str]) -> None:
    if not isinstance(value, dict):
        message = f"expected an object, not {value!r:.40}"
        raise TypeError(message)
    if wrong := sorted(value.keys() ^ keys):
        message = f"missing or unknown: {', '.join(wrong)}"
        raise ValueError(message)
