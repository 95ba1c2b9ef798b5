"""What a conversion changed, as the JSON that lies beside a converted model in the cache."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.vocabulary.models import Repair

_LARGEST: Final = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What was repaired, what was rewritten for speed, and what else there is to say."""

    repairs: tuple[Repair, ...] = ()
    rewrites: tuple[Repair, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to say."""
        return self != Changes()


def to_json(changes: Changes) -> str:
    """Return changes as text."""
    return json.dumps(
        {
            "repairs": _documents(changes.repairs),
            "rewrites": _documents(changes.rewrites),
            "notes": list(changes.notes),
        }
    )


def _documents(changes: Iterable[Repair]) -> list[dict[str, str | int]]:
    return [it.document() for it in changes]


def read_changes(path: Path) -> Changes:
    """Return the changes a file tells, none without it; raise `ValueError` for a damaged one."""
    if not path.is_file():
        return Changes()
    with path.open(encoding="utf-8") as stream:
        document = json.loads(stream.read(_LARGEST))
    match document:
        case {"repairs": list(repairs), "rewrites": list(rewrites), "notes": list(notes)}:
            return Changes(_repairs(repairs), _repairs(rewrites), tuple(map(str, notes)))
        case _:
            message = "it does not say what was changed"
            raise ValueError(message)


def _repairs(rows: Iterable[object]) -> tuple[Repair, ...]:
    return tuple(map(_repair, rows))


def _repair(row: object) -> Repair:
    match row:
        case {"name": str(name), "what": str(what), "count": int(count)}:
            return Repair(name, what, count)
        case _:
            message = f"{row!r} is no change"
            raise ValueError(message)
