"""Ask how many of the operators that PyTorch lists for production mobile models build and run.

    python benchmarks/production.py model_ops.yaml [--abi x86_64] [--dtypes all] [--no-build]

The list is `test/mobile/model_test/model_ops.yaml` of the PyTorch source; the archive has it, our
unpacked tree leaves tests out. An operator runs when a coverage model calls it, as those are
compared with desktop torch (`python -m tests.coverage`). What is known becomes one runtime, which
is asked what it registered. Exit code 1 below 95 percent.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import platformdirs
import yaml

from builder.foundation.process import Host, SubprocessRunner
from builder.libtorch.codegen import pinned_catalogue
from builder.models.selection import select
from builder.pipeline.wanted import read_models
from builder.vocabulary.operators import OperatorName
from tests.coverage.suite import SUITES, prepare

ROOT: Final = Path(__file__).parents[1]
ENOUGH: Final = 0.95


def build(names: list[str], more: list[str], folder: Path) -> dict[str, Any]:
    """Build a runtime for a list of operators; return the summary."""
    listed = folder / "production.yaml"
    listed.write_text(yaml.safe_dump(names))
    done = subprocess.run(
        [sys.executable, "-m", "builder", str(listed), *more, "--json", "-o", "dist"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    (summary,) = json.loads(done.stdout)["targets"]
    assert isinstance(summary, dict)
    return summary


def called(folder: Path) -> frozenset[str]:
    """Return the operators that coverage models call."""
    cache = os.environ.get("BUILD_RUNTIME_CACHE_DIR")
    kept = Path(cache) if cache else platformdirs.user_cache_path("build-runtime")
    host = Host(MappingProxyType(dict(os.environ)), SubprocessRunner(), kept, 1)
    models = read_models([it.path for it in prepare(folder, SUITES["everything"])], host)
    return frozenset(str(name) for name in select(models).names)


def main() -> int:
    """Print what is there, what runs and what is not; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("list", type=Path, metavar="MODEL_OPS.yaml")
    parser.add_argument("--release", default="2.6.0")
    parser.add_argument("--abi", default="x86_64")
    parser.add_argument("--dtypes", help="of the kernels; unset: the usual ones")
    parser.add_argument("--no-build", action="store_true", help="look the names up; build nothing")
    options = parser.parse_args()
    document = yaml.safe_load(options.list.read_text(encoding="utf-8"))
    listed = sorted(document["root_operators"] if isinstance(document, dict) else document)
    entries = pinned_catalogue(options.release).entries
    known = [it for it in listed if OperatorName.parse(it) in entries]
    with tempfile.TemporaryDirectory(prefix="build-runtime-production-") as scratch:
        folder = Path(scratch)
        runs = called(folder)
        for name in sorted(set(listed) - runs):
            why = "no coverage model calls it" if name in known else "not in what we build"
            print(f"{why}: {name}")
        share = len(runs.intersection(known)) / len(listed)
        print(f"{len(listed)} operators, {len(known)} known, {share:.1%} called by coverage models")
        if not options.no_build:
            more = ["--abi", options.abi, *(["--dtypes", options.dtypes] if options.dtypes else [])]
            summary = build(known, more, folder)
            passed = [it["name"] for it in summary["checks"] if it["outcome"] == "passed"]
            print(
                f"one runtime for {options.abi} holds {len(summary['operators'])} operators in"
                f" {summary['library_bytes']:,} bytes; passed: {', '.join(passed)}"
            )
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
