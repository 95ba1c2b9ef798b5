"""Measure how a runtime and its build grow with what is asked for, and print a table.

    python benchmarks/scale.py [--abi x86_64] [--cache DIR] [--json]

The dense coverage models are added, those with few operators first: each row holds what the rows
before it hold. The cache begins empty but for the sources, so that a row's seconds are those of
its new objects and its link; their sum is what a cold build of the row costs. With `--cache` it is
kept, and what it held before is missing from the seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from builder.foundation.console import make_console
from builder.foundation.process import Host, SubprocessRunner
from builder.pipeline.wanted import read_models
from builder.source.opening import open_source
from builder.source.request import SourceRequest
from tests.coverage.suite import SUITES, prepare

ROOT: Final = Path(__file__).parents[1]
STEPS: Final = (1, 2, 4, 8, 16, 32)
"""How many models the rows between the first and the last hold."""

SMALLEST: Final = """\
import torch


class One(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)


torch.jit.script(One()).save("one_operator.pt")
"""


def build(models: Sequence[Path], abi: str, folder: Path, cache: Path) -> dict[str, Any]:
    """Build a runtime for these models; return the summary."""
    words = [sys.executable, "-m", "builder", *map(str, models), "--abi", abi, "--no-verify"]
    env = {"PYTHONPATH": str(ROOT), "BUILD_RUNTIME_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [*words, "--json", "-o", str(folder / "dist")],
        cwd=folder, env={**os.environ, **env}, check=True, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    (summary,) = json.loads(done.stdout)["targets"]
    assert isinstance(summary, dict)
    return summary


def measured(abi: str, folder: Path, cache: Path) -> Iterator[dict[str, int]]:
    """Build growing unions and tell about each."""
    host = Host(MappingProxyType(dict(os.environ)), SubprocessRunner(), cache, 1)
    open_source(SourceRequest(), host, make_console(quiet=False, ci=True))
    script = folder / "one.py"
    script.write_text(SMALLEST)  # scripting wants a file to read
    subprocess.run([sys.executable, "-W", "ignore", script], cwd=folder, check=True)
    paths = [it.path for it in prepare(folder, SUITES["dense"])]
    found = zip(paths, read_models(paths, host), strict=True)  # converts them before the clock runs
    models = [path for path, _ in sorted(found, key=lambda it: (len(it[1].operators), it[0]))]
    total = 0.0
    for count in (0, *(it for it in STEPS if it < len(models)), len(models)):
        summary = build([folder / "one_operator.pt", *models[:count]], abi, folder, cache)
        total += summary["seconds"]
        yield {
            "models": count + 1,
            "operators": len(summary["operators"]),
            "bytes": summary["library_bytes"],
            "download": summary["library_download_bytes"],
            "objects": summary["objects"]["linked"],
            "compiled": summary["objects"]["compiled"],
            "seconds": round(summary["seconds"]),
            "cold_seconds": round(total),
        }


def main() -> None:
    """Print the table as Markdown, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--abi", default="x86_64")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="build-runtime-scale-") as scratch:
        folder = Path(scratch)
        rows = list(measured(options.abi, folder, (options.cache or folder / "cache").resolve()))
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(
        "| models | operators | stripped bytes | deflated | objects | seconds more | cold, in all |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['models']} | {row['operators']} | {row['bytes']:,} | {row['download']:,} |"
            f" {row['objects']} | {row['seconds']} | {row['cold_seconds']} |"
        )


if __name__ == "__main__":
    main()
