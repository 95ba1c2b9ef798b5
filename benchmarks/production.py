"""Ask how many of the operators that PyTorch lists for production mobile models a runtime can hold.

    python benchmarks/production.py model_ops.yaml [--abi x86_64] [--check-only]

The list is `test/mobile/model_test/model_ops.yaml` of the PyTorch source; the archive has it, our
unpacked tree leaves tests out. Every operator on it is looked up, those that are there
become one runtime, and the runtime is asked what it registered. Exit code 1 below 95 percent.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

from builder.codegen import pinned_catalogue
from builder.model import OperatorName

ROOT: Final = Path(__file__).parents[1]
ENOUGH: Final = 0.95


def build(names: list[str], abi: str, folder: Path) -> dict[str, Any]:
    """Build a runtime for a list of operators; return the summary."""
    listed = folder / "production.yaml"
    listed.write_text(yaml.safe_dump(names))
    done = subprocess.run(
        [sys.executable, "-m", "builder", str(listed), "--abi", abi, "--json", "-o", "dist"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    (summary,) = json.loads(done.stdout)["targets"]
    assert isinstance(summary, dict)
    return summary


def main() -> int:
    """Print what is there and what is not; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("list", type=Path, metavar="MODEL_OPS.yaml")
    parser.add_argument("--release", default="2.6.0")
    parser.add_argument("--abi", default="x86_64")
    parser.add_argument(
        "--check-only", action="store_true", help="look the names up; build nothing"
    )
    options = parser.parse_args()
    document = yaml.safe_load(options.list.read_text(encoding="utf-8"))
    listed = sorted(document["root_operators"] if isinstance(document, dict) else document)
    entries = pinned_catalogue(options.release).entries
    known = [it for it in listed if OperatorName.parse(it) in entries]
    for name in sorted(set(listed) - set(known)):
        print(f"not in PyTorch {options.release} as we build it: {name}")
    share = len(known) / len(listed)
    print(f"{len(known)} of {len(listed)} operators are known: {share:.1%}")
    if not options.check_only:
        with tempfile.TemporaryDirectory(prefix="build-runtime-production-") as scratch:
            summary = build(known, options.abi, Path(scratch))
        passed = [it["name"] for it in summary["checks"] if it["outcome"] == "passed"]
        print(
            f"one runtime for {options.abi} holds {len(summary['operators'])} operators in"
            f" {summary['library_bytes']:,} bytes; passed: {', '.join(passed)}"
        )
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
