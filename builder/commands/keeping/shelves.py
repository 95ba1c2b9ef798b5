"""`cache`: what builds keep, how large it is, and removing what is used least."""

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from builder.commands.diagnosis import table
from builder.commands.exchange import Answer
from builder.foundation import cache
from builder.foundation.cache import SHELVES, Entry

_MEGABYTE = 1e6


def show(folder: Path) -> Answer:
    """Return what the cache holds, by kind."""
    return _answer(folder, cache.inventory(folder), removed=(), in_use=())


def prune(folder: Path, max_size: int | None, older_than: dt.timedelta | None) -> Answer:
    """Remove what was used longest ago; what a running command may use stays."""
    age = None if older_than is None else older_than.total_seconds()
    done = cache.prune(folder, max_size=max_size, older_than=age)
    return _answer(folder, cache.inventory(folder), done.removed, done.in_use)


def keep_within(max_size: int, folder: Path, note: Callable[[str], None]) -> None:
    """Remove what was used longest ago after a build, if all together is larger than the limit."""
    done = cache.prune(folder, max_size=max_size)
    if done.removed:
        size = sum(it.size for it in done.removed) / _MEGABYTE
        note(f"cache-size: removed {len(done.removed)} entries, {size:.1f} MB, from the cache")


def _answer(
    folder: Path, kept: Iterable[Entry], removed: Iterable[Entry], in_use: Iterable[Entry]
) -> Answer:
    kept, removed, in_use = tuple(kept), tuple(removed), tuple(in_use)
    rows = _by_shelf(kept)
    document: dict[str, Any] = {
        "cache": str(folder),
        "bytes": sum(it.size for it in kept),
        "entries": rows,
        "removed": [_describe(it) for it in removed],
        "in_use": [_describe(it) for it in in_use],
    }
    total = sum(it.size for it in kept) / _MEGABYTE
    lines = [f"{folder}: {total:.1f} MB", table(rows)]
    if removed:
        size = sum(it.size for it in removed) / _MEGABYTE
        lines.append(f"removed {len(removed)} entries, {size:.1f} MB")
    if in_use:
        names = ", ".join(f"{it.shelf}/{it.name}" for it in in_use)
        lines.append(f"kept, as a running command may use them: {names}")
    return Answer(document, "\n".join(lines))


def _by_shelf(entries: tuple[Entry, ...]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for shelf in SHELVES:
        here = [it for it in entries if it.shelf == shelf.name]
        if here:
            rows.append({
                "entry": shelf.name,
                "what": shelf.what,
                "items": str(len(here)),
                "megabytes": f"{sum(it.size for it in here) / _MEGABYTE:.1f}",
                "used": _day(max(it.used for it in here)),
            })  # fmt: skip
    return rows


def _describe(entry: Entry) -> dict[str, Any]:
    return {
        "entry": entry.shelf,
        "name": entry.name,
        "bytes": entry.size,
        "used": _day(entry.used),
    }


def _day(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date().isoformat()
