"""What was checked about a runtime: one value for each check, in reports, manifests and errors."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FILES: Final = "files"
PROVENANCE: Final = "provenance"
ALIGNMENT: Final = "zip alignment"
POLICY: Final = "elf policy"
REGISTRY: Final = "registered operators"
NEEDS: Final = "needs"
RUN: Final = "run"
OUTPUTS: Final = "outputs"
REBUILD: Final = "rebuild"
"""The names of the checks, as reports and manifests show them."""


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Element:
    """One number of an answer and what torch has in its place.

    `place` is where it is: a path into the value, and for a tensor `at [1,2]`. `error` is the
    distance of the two; `share` is that distance relative to what is allowed (1 is the limit,
    infinity where nothing is allowed or one of them is no number).
    """

    place: str
    actual: str
    expected: str
    dtype: str
    error: float
    share: float

    def __str__(self) -> str:
        """Return a sentence for people."""
        values = f"{self.place}: {self.actual}, torch answers {self.expected}"
        if math.isinf(self.share):
            return f"{values}, off by {self.error:.3g} where nothing is allowed"
        return f"{values}, off by {self.error:.3g}: {self.share:.3g} of what is allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How one check ended, and everything it found wrong.

    `model` is empty for checks of the artifact itself. `reasons` say why it failed, or why it was
    skipped; `hint` is what to do about it. `runner` says what ran the model (`natively`, `under
    qemu-aarch64`), `cases` on how many inputs; `seconds` is how long the check took. `worst` is the
    number that is farthest off, None when all are equal.
    """

    name: str
    outcome: Outcome
    model: str = ""
    reasons: tuple[str, ...] = ()
    hint: str = ""
    runner: str = ""
    cases: int = 0
    seconds: float = 0.0
    worst: Element | None = None


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """An instruction set that a library has kernels for, and whether the proof has run some."""

    name: str
    run: bool


def was_not_run(checks: Iterable[Check]) -> bool:
    """Whether the models were not run where the runtime is for."""
    return any(it.name == RUN and it.outcome is Outcome.SKIPPED for it in checks)


def failures(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks that are against the artifact."""
    return tuple(it for it in checks if it.outcome is Outcome.FAILED)
