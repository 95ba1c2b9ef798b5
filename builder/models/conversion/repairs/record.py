"""What was repaired, as the JSON that lies beside a converted model in the cache."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from builder.vocabulary.models import Repair

_LARGEST: Final = 1 << 20  # bytes


def to_json(repairs: Iterable[Repair]) -> str:
    """Return repairs as text."""
    return json.dumps([it.document() for it in repairs])


def read_repairs(path: Path) -> tuple[Repair, ...]:
    """Return the repairs a file tells, none without it; raise `ValueError` for a damaged one."""
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8") as stream:
        return tuple(map(_repair, _rows(json.loads(stream.read(_LARGEST)))))


def _rows(document: object) -> list[object]:
    if not isinstance(document, list):
        message = "the repairs are no list"
        raise ValueError(message)  # noqa: TRY004  a damaged file, not a fault of the caller
    return document


def _repair(row: object) -> Repair:
    match row:
        case {"name": str(name), "what": str(what), "count": int(count)}:
            return Repair(name, what, count)
        case _:
            message = f"{row!r} is no repair"
            raise ValueError(message)
