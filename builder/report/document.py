"""A size report as JSON for programs, and JSON read back."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import Fact, OperatorCost, Share, SizeReport, SizeRow, SymbolRow
from builder.vocabulary.targets import Abi, Platform, Target

VERSION: Final = 2
"""Of the JSON: raised when a reader of the old one would misunderstand the new one."""

_FORMER_VERSION: Final = "schema_version"
"""What the version was called before all documents called it `version`."""

_TABLES: Final = ("sections", "components", "objects")
_KEYS: Final = {
    "version", "target", "stripped", "download", "downloads", *_TABLES, "operators", "shares",
    "symbols", "made",
}  # fmt: skip
_SYMBOL_FIELDS: Final = 6
_MOST: Final = 1 << 53
"""Bytes: beyond it programs that read JSON round, and no library is so large."""


def to_document(report: SizeReport) -> dict[str, Any]:
    """Return the report as the plain data that `size-report.schema.json` describes."""
    target = report.target
    objects = {row.name: number for number, row in enumerate(report.objects)}
    operators = {cost.name: number for number, cost in enumerate(report.operators)}
    return {
        "version": VERSION,
        "target": {
            "platform": target.platform,
            "abi": target.abi,
            "api_level": target.api_level,
        },
        "stripped": report.stripped,
        "download": report.download,
        **{table: _plain_rows(getattr(report, table)) for table in _TABLES},
        "downloads": _plain_rows(report.downloads),
        "operators": [
            {
                "name": it.name, "models": list(it.models), "alone": it.alone, "shared": it.shared,
            }
            for it in report.operators
        ],
        "shares": [
            {"operators": [operators[name] for name in it.operators], "size": it.size}
            for it in report.shares
        ],
        "symbols": [
            [it.section, objects[it.object], it.symbol, it.share, it.size, it.memory]
            for it in report.symbols
        ],
        "made": [{"name": it.name, "value": it.value} for it in report.made],
    }  # fmt: skip


def to_json(report: SizeReport) -> str:
    """Return the report as JSON, on one line: it is long, and archives carry it."""
    return json.dumps(to_document(report), separators=(",", ":"), ensure_ascii=False) + "\n"


def from_json(text: str) -> SizeReport:
    """Read what `to_json` wrote; raise `UsageError` on anything else."""
    try:
        document = json.loads(text)
        version = document.get("version", document.get(_FORMER_VERSION))
        if version != VERSION:
            message = f"the size report has version {version!r}, this program reads {VERSION}"
            raise UsageError(message, hint="build the artifact again with this build-runtime")
        report = _report(document)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        message = f"not a size report of build-runtime: {error}"
        raise UsageError(message, hint="pass a size-report.json") from error
    return report


def documents_in(text: str) -> tuple[str, ...]:
    """Return the reports of a document that may hold several; what is none is refused later."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return (text,)
    reports = document.get("reports") if isinstance(document, dict) else None
    return tuple(map(json.dumps, reports)) if isinstance(reports, list) else (text,)


def _plain_rows(rows: Iterable[SizeRow]) -> list[dict[str, Any]]:
    return [{"name": row.name, "size": row.size} for row in rows]


def _report(document: Mapping[str, Any]) -> SizeReport:
    _require_keys(document, _KEYS)
    target = document["target"]
    _require_keys(target, {"platform", "abi", "api_level"})
    level = target["api_level"]
    operators = tuple(_operator(it) for it in _list(document["operators"]))
    objects = _rows(document["objects"])
    shares = tuple(_share(it, operators) for it in _list(document["shares"]))
    report = SizeReport(
        target=Target(
            Platform(target["platform"]), Abi(target["abi"]), None if level is None else _int(level)
        ),
        stripped=_int(document["stripped"]),
        download=_int(document["download"]),
        sections=_rows(document["sections"]),
        downloads=_rows(document["downloads"]),
        components=_rows(document["components"]),
        objects=objects,
        operators=operators,
        shares=shares,
        symbols=tuple(_symbol(it, objects, shares) for it in _list(document["symbols"])),
        made=tuple(_fact(it) for it in _list(document["made"])),
    )
    _check_sums(report)
    return report


def _check_sums(report: SizeReport) -> None:
    for table in (*_TABLES, "shares", "symbols"):
        if sum(row.size for row in getattr(report, table)) != report.stripped:
            message = f"its {table} do not sum to the stripped size"
            raise ValueError(message)
    if sum(row.size for row in report.downloads) != report.download:
        message = "its downloads do not sum to what is downloaded"
        raise ValueError(message)


def _list(rows: object) -> list[Any]:
    if not isinstance(rows, list):
        message = f"expected a list of rows, not {rows!r:.40}"
        raise TypeError(message)
    return rows


def _rows(rows: object) -> tuple[SizeRow, ...]:
    return tuple(_row(row) for row in _list(rows))


def _row(row: Mapping[str, Any]) -> SizeRow:
    _require_keys(row, {"name", "size"})
    return SizeRow(_text(row["name"]), _int(row["size"]))


def _operator(row: Mapping[str, Any]) -> OperatorCost:
    _require_keys(row, {"name", "models", "alone", "shared"})
    models = tuple(_text(it) for it in _list(row["models"]))
    return OperatorCost(_text(row["name"]), models, _int(row["alone"]), _int(row["shared"]))


def _fact(row: Mapping[str, Any]) -> Fact:
    _require_keys(row, {"name", "value"})
    return Fact(_text(row["name"]), _text(row["value"]))


def _share(row: Mapping[str, Any], operators: tuple[OperatorCost, ...]) -> Share:
    _require_keys(row, {"operators", "size"})
    names = tuple(operators[_int(it)].name for it in _list(row["operators"]))
    return Share(names, _int(row["size"]))


def _symbol(row: object, objects: tuple[SizeRow, ...], shares: tuple[Share, ...]) -> SymbolRow:
    fields = _list(row)
    if len(fields) != _SYMBOL_FIELDS:
        message = f"expected {_SYMBOL_FIELDS} fields of a symbol, not {len(fields)}"
        raise ValueError(message)
    section, number, symbol, share, size, memory = fields
    if _int(share) >= len(shares):
        message = f"there is no share {share}"
        raise ValueError(message)
    file = objects[_int(number)].name
    return SymbolRow(_text(section), file, _text(symbol), share, _int(size), _int(memory))


def _text(value: object) -> str:
    if not isinstance(value, str):
        message = f"expected a name, not {value!r:.40}"
        raise TypeError(message)
    if not value.isprintable():  # it could do things to the terminal, or cannot be encoded
        message = f"expected a name that can be printed, not {value!a:.40}"
        raise ValueError(message)
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        message = f"expected a number of bytes, not {value!r:.40}"
        raise ValueError(message)
    return value


def _require_keys(value: object, keys: set[str]) -> None:
    if not isinstance(value, dict):
        message = f"expected an object, not {value!r:.40}"
        raise TypeError(message)
    if wrong := sorted(value.keys() ^ keys):
        names = (it if it.isprintable() else ascii(it) for it in wrong)
        message = f"missing or unknown: {', '.join(names)}"
        raise ValueError(message)
