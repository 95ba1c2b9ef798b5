"""The sizes that this project promises: `benchmarks/sizes.json`, where growth has a written reason.

Each runtime has a history, the newest entry last: stripped bytes, and why they are worth it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.places import ROOT

SIZES: Final = ROOT / "benchmarks" / "sizes.json"
SPARE: Final = 1000
"""Bytes that a runtime may grow without a reason, or shrink before that is to be written down."""


@dataclass(frozen=True)
class Size:
    """The stripped bytes of a library, and the reason for them."""

    bytes: int
    reason: str


History = Mapping[str, tuple[Size, ...]]


def read(path: Path = SIZES) -> History:
    """Return the sizes of each runtime, oldest first."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {name: tuple(Size(**it) for it in sizes) for name, sizes in document.items()}


def write(history: History, path: Path = SIZES) -> None:
    document = {name: [asdict(it) for it in sizes] for name, sizes in sorted(history.items())}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def complaint(history: History, name: str, measured: int) -> str:
    """Return what is wrong with the size of a runtime; nothing if it keeps what is promised."""
    known = history.get(name)
    if not known:
        return f"{name} has {measured:,} bytes, and nothing is promised"
    promise = known[-1].bytes
    if measured - promise > SPARE:
        return f"{name} has {measured:,} bytes: {measured - promise:,} more than {promise:,}"
    if promise - measured > SPARE:
        return f"{name} has {measured:,} bytes: promise them, and no longer {promise:,}"
    return ""


def renewed(history: History, name: str, measured: int, reason: str) -> History:
    """Return the history with a new size; raise `ValueError` for growth without a reason.

    Growth that asks for none is not written: it would begin anew from there.
    """
    known = history.get(name, ())
    if known and measured < known[-1].bytes:
        return {**history, name: (*known, Size(measured, reason.strip() or "smaller"))}
    if not reason.strip():
        if told := complaint(history, name, measured):
            raise ValueError(f"{told}: say why with --reason TEXT")
        return history
    if known and known[-1].bytes == measured:
        return history
    return {**history, name: (*known, Size(measured, reason.strip()))}
