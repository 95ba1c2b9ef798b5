"""Rounds in which a runtime and a peer take turns, so that what disturbs one disturbs the other."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from builder.benching.figures import Sample
from builder.benching.programs import Program, time_program
from builder.foundation.process import Host

_ROUND: Final = 200_000.0
"""Microseconds that the runs of a round take together: what a clock tells well, and soon over."""

_MOST_RUNS: Final = 1000
_FEWEST_RUNS: Final = 3


def runs_per_round(run: float) -> int:
    """Return how many runs of so many microseconds make a round."""
    return min(max(math.ceil(_ROUND / max(run, 1.0)), _FEWEST_RUNS), _MOST_RUNS)


def timed(program: Program, threads: int, host: Host) -> Callable[[], Sample]:
    """Return what makes a round of a runtime; how long a run takes is tried out first."""
    tried = time_program(program, threads, 1, host)
    runs = runs_per_round(tried.wall)
    return lambda: time_program(program, threads, runs, host)


def take_turns(
    programs: Sequence[Callable[[], Sample]], rounds: int
) -> tuple[tuple[Sample, ...], ...]:
    """Run each program once a round; return the samples of each.

    Who begins changes with each round, as what comes second may find a warmer or a busier machine.
    """
    samples: list[list[Sample]] = [[] for _ in programs]
    for number in range(rounds):
        order = range(len(programs))
        for place in order if number % 2 == 0 else reversed(order):
            samples[place].append(programs[place]())
    return tuple(map(tuple, samples))
