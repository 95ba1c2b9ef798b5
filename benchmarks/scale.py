"""Measure how a runtime grows with what is asked of it, and print a table.

    python benchmarks/scale.py [--abi x86_64] [--json]

The coverage models are added one by one: each row holds what the rows before it hold. Everything is
built once before it is measured: seconds are those of a warm store, registration and link.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.coverage.suite import Prepared, prepare

ROOT: Final = Path(__file__).parents[1]
STEPS: Final = (1, 2, 4, 8, 16, 32, 64)
"""How many models the rows hold; the last row holds all."""

SMALLEST: Final = """\
import torch


class One(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)


torch.jit.script(One()).save("one_operator.pt")
"""


def build(models: Sequence[Path], abi: str, folder: Path) -> dict[str, Any]:
    """Build a runtime for these models; return the summary."""
    words = [sys.executable, "-m", "builder", *map(str, models), "--abi", abi, "--no-verify"]
    done = subprocess.run(
        [*words, "--json", "-o", str(folder / "dist")],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    (summary,) = json.loads(done.stdout)["targets"]
    assert isinstance(summary, dict)
    return summary


def measured(prepared: Sequence[Prepared], abi: str, folder: Path) -> Iterator[dict[str, int]]:
    """Build growing unions; the largest comes first, so that the others compile nothing."""
    script = folder / "one.py"
    script.write_text(SMALLEST)  # scripting wants a file to read
    subprocess.run([sys.executable, "-W", "ignore", script], cwd=folder, check=True)
    models = sorted((it.path for it in prepared), key=lambda path: path.stat().st_size)
    cold = build([folder / "one_operator.pt", *models], abi, folder)
    sys.stderr.write(f"{cold['objects']['compiled']} objects compiled before measuring\n")
    for count in (0, *(it for it in STEPS if it < len(models)), len(models)):
        (folder / "dist").rename(folder / f"dist-{count}")  # an equal request would be up to date
        summary = build([folder / "one_operator.pt", *models[:count]], abi, folder)
        yield {
            "models": count + 1,
            "operators": len(summary["operators"]),
            "bytes": summary["library_bytes"],
            "objects": summary["objects"]["linked"],
            "compiled": summary["objects"]["compiled"],
            "seconds": round(summary["seconds"]),
        }


def main() -> None:
    """Print the table as Markdown, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--abi", default="x86_64")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="build-runtime-scale-") as scratch:
        folder = Path(scratch)
        rows = list(measured(prepare(folder), options.abi, folder))
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print("| models | operators | stripped bytes | objects linked | compiled | seconds |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['models']} | {row['operators']} | {row['bytes']:,} | {row['objects']} |"
            f" {row['compiled']} | {row['seconds']} |"
        )


if __name__ == "__main__":
    main()
