"""What is measured, and how rounds of it become one figure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

FIGURES: Final = {"cpu_us": "cpu", "wall_us": "wall"}
"""What is compared round by round, by its name in documents."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of a program: medians of its runs in microseconds, its memory at most in KiB.

    `cpu` is the time of all processors together, `wall` that of the clock; 90 and 99 of 100 runs
    took no longer than `p90` and `p99` of it. `load` and `first` are the clock's, too: reading the
    model, and the first run, which makes ready what later runs find.
    """

    cpu: float
    wall: float
    p90: float
    p99: float
    load: float
    first: float
    peak: int

    @staticmethod
    def parse(values: Mapping[str, Any]) -> "Sample":
        """Read what `document` made; raise `ValueError` or `KeyError` for anything else."""
        return Sample(
            float(values["cpu"]), float(values["wall"]), float(values["p90"]),
            float(values["p99"]), float(values["load"]), float(values["first"]),
            int(values["peak"]),
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of several rounds, each a ratio of two programs that took turns: the median and the ends."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(pairs: Sequence[tuple[float, float]]) -> "Ratio":
        """Return the ratio of the first to the second of each pair."""
        ratios = [one / other for one, other in pairs]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))

    def document(self) -> dict[str, float]:
        """Return plain data, with as many digits as say something."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Peer:
    """Another program that ran the model in turns with the runtime. `name` has its version."""

    name: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """How a runtime did with so many threads: a sample each round, and the peer's beside it."""

    threads: int
    samples: tuple[Sample, ...]
    peer: Peer | None = None

    @property
    def typical(self) -> Sample:
        """The median of each figure."""
        return typical(self.samples)

    @property
    def settling(self) -> float:
        """How many times as long as a steady run the first takes."""
        return statistics.median(it.first / it.wall for it in self.samples)

    def series(self, figure: str) -> tuple[float, ...]:
        """Return one of `FIGURES` of each round."""
        return tuple(getattr(it, FIGURES[figure]) for it in self.samples)

    def ratio(self, figure: str) -> Ratio | None:
        """Return the runtime's `cpu` or `wall` to the peer's, if there is one."""
        if self.peer is None:
            return None
        pairs = zip(self.samples, self.peer.samples, strict=True)
        return Ratio.of([(getattr(one, figure), getattr(other, figure)) for one, other in pairs])

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        cpu, wall = self.ratio("cpu"), self.ratio("wall")
        return {
            "threads": self.threads,
            "rounds": len(self.samples),
            **_described(self.typical),
            "first_to_steady": round(self.settling, 3),
            "samples": {it: [round(each, 3) for each in self.series(it)] for it in FIGURES},
            "against": None
            if self.peer is None or cpu is None or wall is None
            else {
                "name": self.peer.name,
                **_described(typical(self.peer.samples)),
                "cpu_ratio": cpu.document(),
                "wall_ratio": wall.document(),
            },
        }


def typical(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure, and the most memory."""
    return Sample(
        cpu=statistics.median(it.cpu for it in samples),
        wall=statistics.median(it.wall for it in samples),
        p90=statistics.median(it.p90 for it in samples),
        p99=statistics.median(it.p99 for it in samples),
        load=statistics.median(it.load for it in samples),
        first=statistics.median(it.first for it in samples),
        peak=max(it.peak for it in samples),
    )


def _described(sample: Sample) -> dict[str, Any]:
    return {
        "cpu_us": round(sample.cpu, 1),
        "wall_us": round(sample.wall, 1),
        "p90_us": round(sample.p90, 1),
        "p99_us": round(sample.p99, 1),
        "load_us": round(sample.load, 1),
        "first_us": round(sample.first, 1),
        "peak_kib": sample.peak,
    }
