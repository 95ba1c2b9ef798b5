"""What the verification of a runtime found out: one verdict for each check."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from builder.proof.compare import Element

FILES: Final = "files"
POLICY: Final = "elf policy"
REGISTRY: Final = "registered operators"
NEEDS: Final = "needs"
RUN: Final = "run"
OUTPUTS: Final = "outputs"
"""The names of the checks, as reports and manifests show them."""


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
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


def failures(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdicts that are against the artifact."""
    return tuple(it for it in verdicts if it.outcome is Outcome.FAILED)
