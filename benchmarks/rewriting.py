"""Print what rewriting for speed makes of each model: bytes before and after, or why it stays.

    python benchmarks/rewriting.py [--agree]

The models are those of the examples and all coverage models. With `--agree`, the rewritten ones
also answer their inputs in desktop torch, and what differs from the original is told. The exit code
is 1 if a file grew or an answer differs.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from builder.models.conversion.convert import main as convert
from builder.models.conversion.record import Changes, read_changes
from builder.models.prepacked.loading import load_lite, load_script
from builder.models.reference.__main__ import run_cases
from builder.proof.compare import compare
from builder.vocabulary.models import Rewrite
from tests.coverage.suite import MODELS, write

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True)
class Subject:
    """A model as it was exported, and arguments to run it on."""

    name: str
    path: Path
    cases: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Row:
    """What became of a model."""

    name: str
    before: int
    after: int
    changes: Changes
    differences: tuple[str, ...]

    def __str__(self) -> str:
        """Return a row of a table."""
        what = "; ".join(map(str, self.changes.rewrites)) or "; ".join(self.changes.notes)
        cells = (self.name, f"{self.before:,}", f"{self.after:,}", what, *self.differences)
        return f"| {' | '.join(cells)} |"


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--agree", action="store_true", help="also compare the answers")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = False
    print("| model | bytes as it is | bytes rewritten | what was done, or why it stays |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="build-runtime-rewriting-") as scratch:
        for subject in (*_examples(Path(scratch)), *_coverage(Path(scratch))):
            row = _row(subject, agree=options.agree)
            failed |= row.after > row.before or bool(row.differences)
            print(row, flush=True)
    return int(failed)


def _examples(scratch: Path) -> Iterator[Subject]:
    for script in sorted(ROOT.glob("examples/*/make_model*.py")):
        folder = scratch / script.parent.name
        subprocess.run((sys.executable, str(script), str(folder)), check=True, capture_output=True)
        for path in sorted(folder.rglob("*.pt")):
            if not path.stem.endswith("inputs"):
                given = next(iter(path.parent.glob(f"{path.stem}*inputs.pt")), None)
                given = given or path.parent / "inputs.pt"
                case = torch.load(given, weights_only=True) if given.exists() else None
                yield Subject(script.parent.name, path, () if case is None else (tuple(case),))


def _coverage(scratch: Path) -> Iterator[Subject]:
    """Yield the models that have source, with the cases of their method if it is `forward`."""
    for coverage in MODELS:
        path, _ = write(coverage, scratch)
        if path.suffix == ".pt" and not coverage.missing:
            cases = (
                coverage.cases() if coverage.method == "forward" and not coverage.refused else []
            )
            yield Subject(coverage.name, path, tuple(cases))


def _row(subject: Subject, *, agree: bool) -> Row:
    plain, _ = _converted(subject.path, Rewrite.OFF)
    before = plain.stat().st_size
    path, changes = _converted(subject.path, Rewrite.AUTO)
    differences = _differences(subject, path) if agree and changes.rewrites else ()
    return Row(subject.name, before, path.stat().st_size, changes, differences)


def _converted(source: Path, rewrite: Rewrite) -> tuple[Path, Changes]:
    path = source.with_suffix(".ptl")
    told = source.with_suffix(".changes")
    told.unlink(missing_ok=True)
    if convert([*map(str, (source, path, source.with_suffix(".lines"), told)), rewrite, "{}"]):
        message = f"{source} cannot be converted"
        raise RuntimeError(message)
    return path, read_changes(told)


def _differences(subject: Subject, path: Path) -> tuple[str, ...]:
    """Return what the rewritten model answers otherwise, by the tolerances of a build."""
    original = load_script(subject.path)
    with torch.backends.mkldnn.flags(enabled=False):
        found, wanted = (run_cases(it, subject.cases, None) for it in (load_lite(path), original))
        return tuple(str(it) for it in compare(found, wanted).differences)


if __name__ == "__main__":
    sys.exit(main())
