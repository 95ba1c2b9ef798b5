"""What each operator of a model takes of a run."""

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from builder.benching.marks import BYTECODE, COST, Marked, mark
from builder.benching.programs import Program
from builder.benching.rounds import runs_per_round
from builder.foundation.files import write_atomic
from builder.foundation.process import Host
from builder.models.formats.packing import pack
from builder.models.reading.lite import opened
from builder.vocabulary.errors import VerificationError

WARN: Final = "WARN"
"""The instruction that marks are made of; a runtime may be built without it."""


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """How often a run calls an operator, and the microseconds of all its calls in a run."""

    name: str
    calls: float
    time: float

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        return {"name": self.name, "calls": round(self.calls, 3), "us": round(self.time, 3)}


def measure_operators(program: Program, host: Host, scratch: Path) -> tuple[OperatorTime, ...]:
    """Return what operators take on one thread, the slowest first; `scratch` gets a copy.

    Raise `ModelError` or `VerificationError` where that cannot be told.
    """
    path = scratch / "marked.ptl"
    marked = _write_marked(program.model, path)
    copy = replace(program, model=path)
    tried = _told(copy, 1, host)
    runs = runs_per_round(float(tried["latency_us"]["median"]))
    return operator_times(marked, _told(copy, runs, host)["marks"], runs)


def _write_marked(model: Path, path: Path) -> Marked:
    with opened(model) as archive:
        records = {
            name: archive.read(name, limit=record.size) for name, record in archive.records.items()
        }
    marked = mark(records[BYTECODE])
    write_atomic(path, pack({**records, BYTECODE: marked.pickle}))
    return marked


def _told(program: Program, runs: int, host: Host) -> dict[str, Any]:
    done = program.complete((*program.words(1, runs), "--marks"), host)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise VerificationError(
            f"the program of the runtime does not tell what is asked of it: {error}",
            hint="please report it",
        ) from error
    return told


def operator_times(
    marked: Marked, noted: list[tuple[int, int, float]], runs: int
) -> tuple[OperatorTime, ...]:
    """Return what the marks of so many runs say, without what the marks cost themselves."""
    cost = next((time / count for number, count, time in noted if number == COST), 0.0)
    calls: defaultdict[str, int] = defaultdict(int)
    times: defaultdict[str, float] = defaultdict(float)
    for number, count, time in noted:
        if name := marked.operators[number]:
            calls[name] += count
            times[name] += max(time - count * cost, 0.0)
    found = [OperatorTime(name, calls[name] / runs, times[name] / runs) for name in calls]
    return tuple(sorted(found, key=lambda it: (-it.time, it.name)))
