"""Compare predicted sizes with those of artifacts: `python -m benchmarks.judge_sizes ARTIFACT...`.

Each artifact is planned once more from the list of operators it holds. The table has the error as a
part of the library, and as a part of what lies above the runtime that predictions count from. The
exit code is 1 where one is larger than was promised.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.learn_sizes import make_host, plan_again
from builder.artifact.opening import open_artifacts
from builder.artifact.reading import Artifact
from builder.commands.inspecting.prediction import predict_size, question_of, read_like
from builder.commands.inspecting.unlikeness import measured_as
from builder.foundation.console import make_console
from builder.libtorch.closure.sizing.estimate import Estimate

OF_FILE, OF_REST = 0.05, 0.15
SMALL = 0.02
"""What lies above the base is only judged where it is this part of the library."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A library of so many bytes, `above` of them more than the base, and what was predicted."""

    name: str
    size: int
    above: int
    predicted: Estimate

    @property
    def of_file(self) -> float:
        """The error as a part of the library."""
        return abs(self.predicted.size - self.size) / self.size

    @property
    def of_rest(self) -> float:
        """The error as a part of what lies above the base."""
        return abs(self.predicted.size - self.size) / max(abs(self.above), SMALL * self.size)

    @property
    def kept(self) -> bool:
        """Whether the promise is kept, and the size between the bounds."""
        inside = self.predicted.least <= self.size <= self.predicted.most
        return inside and self.of_file <= OF_FILE and self.of_rest <= OF_REST


def judge(artifact: Artifact) -> Judged:
    """Predict an artifact's library, and read its size."""
    host, console = make_host(), make_console(quiet=True, ci=True)
    planned = plan_again(artifact, host, console)
    table = read_like(question_of(planned))
    predicted = predict_size(question_of(planned))
    assert table is not None
    assert predicted is not None, f"nothing is known of {artifact.target}"
    base = table.bases[measured_as(artifact.target)]
    size = artifact.library.stat().st_size
    name = f"{artifact.target} {', '.join(sorted(artifact.wanted_by))}"
    return Judged(name, size, size - base.size, predicted)


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("artifacts", nargs="+", type=Path)
    options = parser.parse_args()
    rows: list[Judged] = []
    with tempfile.TemporaryDirectory() as scratch:
        for path in options.artifacts:
            with open_artifacts(path, Path(scratch)) as artifacts:
                rows += map(judge, artifacts)
    print(f"{'':50} {'library':>10} {'predicted':>10} {'of file':>8} {'of rest':>8}")
    for it in sorted(rows, key=lambda it: it.size):
        print(
            f"{it.name[:50]:50} {it.size:10,} {it.predicted.size:10,} {it.of_file:8.2%}"
            f" {it.of_rest:8.1%}  {it.predicted.least:,} to {it.predicted.most:,}"
            f"{'' if it.kept else '  OFF'}"
        )
    for title, errors in (
        ("of the file", [it.of_file for it in rows]),
        ("of what lies above the base", [it.of_rest for it in rows]),
    ):
        median = statistics.median(errors)
        print(f"error {title}: at most {max(errors):.2%}, median {median:.2%} of {len(rows)}")
    return 0 if all(it.kept for it in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
