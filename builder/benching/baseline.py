"""Whether a runtime is faster or slower than in an earlier result, or the difference is noise."""

import json
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from itertools import count, groupby
from pathlib import Path
from typing import Any, Final

from builder.benching.figures import FIGURES, Row
from builder.vocabulary.errors import UsageError

_CERTAIN: Final = 0.01
"""Of so many results that differ by chance alone, one is told to be better or worse."""


class Verdict(StrEnum):
    """What a rank test says of two series of times."""

    BETTER = "better"
    WORSE = "worse"
    NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Change:
    """How one figure changed: `ratio` is the median now to that of then, below 1 where faster.

    `chance` is how likely such a difference is where there is none.
    """

    ratio: float
    chance: float

    @property
    def verdict(self) -> Verdict:
        """Return what the difference is worth."""
        if self.chance >= _CERTAIN or self.ratio == 1:
            return Verdict.NOISE
        return Verdict.BETTER if self.ratio < 1 else Verdict.WORSE

    @staticmethod
    def of(now: Sequence[float], then: Sequence[float]) -> "Change":
        """Compare two series."""
        ratio = statistics.median(now) / statistics.median(then)
        return Change(ratio, chance_of(now, then))

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "ratio": round(self.ratio, 4),
            "chance": round(self.chance, 6),
            "verdict": self.verdict.value,
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured, how its programs ran, and on which inputs: times of others say nothing."""

    target: str
    model: str
    runner: str
    inputs: str

    @staticmethod
    def parse(told: Mapping[str, Any]) -> "Subject":
        """Read what `document` made; raise `LookupError` or `TypeError` for anything else."""
        return Subject(**{it.name: str(told[it.name]) for it in fields(Subject)})

    def document(self) -> dict[str, str]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier result: its series by figure, for each number of threads."""

    path: Path
    series: Mapping[int, Mapping[str, tuple[float, ...]]]

    def refuse_without(self, threads: Iterable[int], rounds: int) -> None:
        """Raise `UsageError` for what there is nothing to compare with, or too little to tell."""
        threads = frozenset(threads)
        lacking = sorted(threads - self.series.keys())
        if lacking:
            had = ", ".join(map(str, sorted(self.series))) or "none"
            raise UsageError(
                f"{self.path} has no times for {', '.join(map(str, lacking))} threads",
                looked_in=[f"numbers of threads: {had}"],
                hint="measure with those, or measure the base with others",
            )
        then = min(len(each) for it in threads for each in self.series[it].values())
        if _least_chance(rounds, then) >= _CERTAIN:
            raise UsageError(
                f"too few rounds: {rounds} now and {then} in {self.path} are noise, whatever they"
                " take",
                hint=f"measure both with --rounds {_least_rounds()} or more",
            )

    def changes(self, row: Row) -> dict[str, Change]:
        """Return how each figure changed."""
        then = self.series[row.threads]
        return {it: Change.of(row.series(it), then[it]) for it in FIGURES}


def read_baseline(path: Path, subject: Subject) -> Baseline:
    """Read what `bench --json` printed; raise `UsageError` unless it is of the same thing."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        its = Subject.parse(told)
        series = {
            int(row["threads"]): {it: tuple(map(float, row["samples"][it])) for it in FIGURES}
            for row in told["rows"]
        }
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}",
            hint="name what `build-runtime bench --json` printed earlier",
        ) from error
    except (
        ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError,
    ) as error:  # fmt: skip
        raise UsageError(
            f"{path} is no earlier result, or one without the times of its rounds",
            hint="name what `build-runtime bench --json` printed",
        ) from error
    if others := tuple(_others(its, subject)):
        raise UsageError(
            f"{path} is of {'; '.join(others)}",
            hint="name an earlier result of the same target, model, runner and inputs",
        )
    if not all(map(_are_times, (each for row in series.values() for each in row.values()))):
        raise UsageError(f"{path} has a row without times", hint="measure it again")
    return Baseline(path, series)


def _others(then: Subject, now: Subject) -> Iterator[str]:
    for name, it in then.document().items():
        wanted = now.document()[name]
        if it != wanted:
            yield f"{'other' if name == 'inputs' else 'another'} {name}: {it}, and not {wanted}"


def _least_chance(one: int, other: int) -> float:
    """Return the chance of two series without a tie, one of which is slower in each round."""
    return chance_of(range(one), range(one, one + other))


def _least_rounds() -> int:
    return next(it for it in count(1) if _least_chance(it, it) < _CERTAIN)


def _are_times(series: Sequence[float]) -> bool:
    return bool(series) and all(math.isfinite(it) and it > 0 for it in series)


def chance_of(one: Sequence[float], other: Sequence[float]) -> float:
    """Return how likely two series differ at least so much in rank if nothing sets them apart.

    The two-sided test of Mann and Whitney, by the normal distribution, corrected for ties and for
    ranks being whole numbers. It takes no shape of the times for granted, and no outlier counts for
    more than its rank.
    """
    pooled = sorted((*one, *other))
    ranks: dict[float, float] = {}
    ties = 0
    place = 0
    for value, group in groupby(pooled):
        equal = len(tuple(group))
        ranks[value] = place + (equal + 1) / 2
        ties += equal**3 - equal
        place += equal
    pairs, size = len(one) * len(other), len(pooled)
    spread = pairs / 12 * (size + 1 - ties / (size * (size - 1)))
    if spread <= 0:
        return 1.0  # all are equal
    ahead = sum(ranks[it] for it in one) - len(one) * (len(one) + 1) / 2
    distance = max(0.0, abs(ahead - pairs / 2) - 0.5)
    return math.erfc(distance / math.sqrt(2 * spread))
