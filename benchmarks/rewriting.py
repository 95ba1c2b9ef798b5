"""Print what rewriting for speed makes of each model: bytes before and after, or why it stays.

    python benchmarks/rewriting.py [--agree] [--instructions]

The models are those of the examples, of `tests/measured.py` and of the coverage suite. With
`--agree`, the rewritten ones also answer their inputs in desktop torch, and what differs from the
original is told. With `--instructions`, one arm64 runtime is built that holds both forms of each
rewritten model, and what a run executes is counted under qemu. The exit code is 1 if a file grew, a
run takes longer, or an answer differs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch

from builder.extensions.reading import read_extension
from builder.models.conversion.convert import main as convert
from builder.models.conversion.record import Changes, read_changes
from builder.models.prepacked.loading import load_lite, load_script
from builder.models.reference.__main__ import run_cases
from builder.proof.compare import compare
from builder.vocabulary.models import OwnOperators, Rewrite
from tests.coverage.suite import MODELS
from tests.coverage.suite import write as write_coverage
from tests.measured import SPECS
from tests.measured import write as write_measured

ROOT: Final = Path(__file__).parents[1]
ABI: Final = "arm64-v8a"
NOISE: Final = 1.002
"""Where memory lies decides a few instructions of a run."""


@dataclass(frozen=True)
class Subject:
    """A model as it was exported, arguments to run it on, and where its own operators are."""

    name: str
    path: Path
    cases: tuple[tuple[Any, ...], ...]
    operators: Path | None = None

    @property
    def own(self) -> OwnOperators:
        """What desktop torch is told of its own operators."""
        if self.operators is None:
            return OwnOperators()
        return read_extension((self.operators,), (self.operators / "operators.py",)).own


@dataclass(frozen=True)
class Row:
    """What became of a model: the lite files as it is and rewritten, and what a run executes."""

    subject: Subject
    plain: Path
    fast: Path
    changes: Changes
    differences: tuple[str, ...] = ()
    executed: tuple[int, int] | None = field(default=None)

    @property
    def bytes(self) -> tuple[int, int]:
        """How large the files are."""
        return self.plain.stat().st_size, self.fast.stat().st_size

    @property
    def loses(self) -> bool:
        """Tell whether anything is worse than before."""
        before, after = self.bytes
        slower = self.executed is not None and self.executed[1] > NOISE * self.executed[0]
        return after > before or slower or bool(self.differences)

    def __str__(self) -> str:
        """Return a row of a table."""
        what = "; ".join(map(str, self.changes.rewrites)) or "; ".join(self.changes.notes)
        runs = (f"{it:,}" for it in self.executed) if self.executed else ("-", "-")
        sizes = (f"{it:,}" for it in self.bytes)
        return f"| {' | '.join((self.subject.name, *sizes, *runs, what, *self.differences))} |"


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--agree", action="store_true", help="also compare the answers")
    parser.add_argument("--instructions", action="store_true", help="also count what runs execute")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="build-runtime-rewriting-") as scratch:
        folder = Path(scratch)
        rows = [_row(it, agree=options.agree) for it in _subjects(folder)]
        if options.instructions:
            rows = [*_counted(rows, folder)]
        print("| model | bytes as it is | rewritten | instructions | rewritten | what was done |")
        print("|---|---|---|---|---|---|")
        for it in (row for row in rows if row.changes.rewrites):
            print(it)
        _print_reasons(row for row in rows if not row.changes.rewrites)
        return int(any(row.loses for row in rows))


def _print_reasons(left: Iterator[Row]) -> None:
    """Print why models stay as they are, and how many for each reason."""
    reasons = Counter("; ".join(row.changes.notes) or "nothing in it gains" for row in left)
    print("\n| models | why they stay as they are |\n|---|---|")
    for reason, count in reasons.most_common():
        print(f"| {count} | {reason} |")


def _subjects(scratch: Path) -> Iterator[Subject]:
    yield from _examples(scratch)
    yield from _measured(scratch)
    yield from _coverage(scratch)


def _examples(scratch: Path) -> Iterator[Subject]:
    for script in sorted(ROOT.glob("examples/*/make_model*.py")):
        folder = scratch / script.parent.name
        subprocess.run((sys.executable, str(script), str(folder)), check=True, capture_output=True)
        for path in sorted(folder.rglob("*.pt")):
            if not path.stem.endswith("inputs"):
                given = next(iter(path.parent.glob(f"{path.stem}*inputs.pt")), None)
                given = given or path.parent / "inputs.pt"
                case = torch.load(given, weights_only=True) if given.exists() else None
                cases = () if case is None else (tuple(case),)
                own = script.parent if list(script.parent.glob("*.cpp")) else None
                yield Subject(script.parent.name, path, cases, own)


def _measured(scratch: Path) -> Iterator[Subject]:
    """Yield the models that speed is measured with."""
    for name, spec in SPECS.items():
        if name not in {it.name for it in ROOT.glob("examples/*")}:
            yield Subject(name, write_measured(name, scratch), (spec.inputs(),))


def _coverage(scratch: Path) -> Iterator[Subject]:
    """Yield the models that have source, with the cases of their method if it is `forward`."""
    for coverage in MODELS:
        path, _ = write_coverage(coverage, scratch)
        if path.suffix == ".pt" and not coverage.missing:
            cases = (
                coverage.cases() if coverage.method == "forward" and not coverage.refused else []
            )
            yield Subject(coverage.name, path, tuple(cases))


def _row(subject: Subject, *, agree: bool) -> Row:
    plain, _ = _converted(subject, Rewrite.OFF)
    fast, changes = _converted(subject, Rewrite.AUTO)
    differences = _differences(subject, fast) if agree and changes.rewrites else ()
    return Row(subject, plain, fast, changes, differences)


def _converted(subject: Subject, rewrite: Rewrite) -> tuple[Path, Changes]:
    path = subject.path.with_suffix(f".{rewrite}.ptl")
    told = path.with_suffix(".changes")
    places = map(str, (subject.path, path, path.with_suffix(".lines"), told))
    if convert([*places, rewrite, json.dumps(subject.own.document())]):
        message = f"{subject.path} cannot be converted"
        raise RuntimeError(message)
    return path, read_changes(told)


def _differences(subject: Subject, path: Path) -> tuple[str, ...]:
    """Return what the rewritten model answers otherwise, by the tolerances of a build."""
    original = load_script(subject.path)
    with torch.backends.mkldnn.flags(enabled=False):
        found, wanted = (run_cases(it, subject.cases, None) for it in (load_lite(path), original))
        return tuple(str(it) for it in compare(found, wanted).differences)


def _counted(rows: Sequence[Row], scratch: Path) -> Iterator[Row]:
    """Yield all rows, those of rewritten models with what a run of both forms executes."""
    folder = scratch / "both"
    folder.mkdir()
    runs = {
        number: (row, [folder / f"{number}{form}.ptl" for form in "ab"])
        for number, row in enumerate(rows)
        if row.changes.rewrites and row.subject.cases
    }
    for row, (before, after) in runs.values():
        shutil.copy(row.plain, before)
        shutil.copy(row.fast, after)
        torch.save(row.subject.cases[0], before.with_suffix(".inputs"))
    every = [path for _, paths in runs.values() for path in paths]
    sources = {it for row, _ in runs.values() if (it := row.subject.operators) is not None}
    own = (word for it in sorted(sources) for word in ("--ops-source", it))
    words = (*own, "--abi", ABI, "--rewrite", "off", "--no-verify", "-o", folder)
    _tool(*every, *words)
    for number, row in enumerate(rows):
        if number not in runs:
            yield row
            continue
        before, after = runs[number][1]
        inputs = before.with_suffix(".inputs")
        one, other = (_executed(folder / f"linux-{ABI}", it, inputs) for it in (before, after))
        yield replace(row, executed=(one, other))


def _executed(runtime: Path, model: Path, inputs: Path) -> int:
    told = _tool("bench", runtime, model, "--input", inputs, "--instructions", "--json")
    return int(json.loads(told)["instructions"])


def _tool(*words: object) -> str:
    return subprocess.run(
        [sys.executable, "-m", "builder", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, text=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
