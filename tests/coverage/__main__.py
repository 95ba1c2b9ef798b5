"""Run the coverage suite by hand: `python -m tests.coverage --abi all [--dtypes all] [MODEL...]`.

Builds one runtime with everything the models call, runs each model in it, and compares with desktop
torch. Prints one line per model and ABI; exit 1 when any differs.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import platformdirs

from builder.model import Abi
from builder.selection import DEFAULT_DTYPES, KNOWN_DTYPES, QUANTIZED_DTYPES
from tests.coverage.runs import build, run
from tests.coverage.suite import MODELS, QUANTIZED, by_name, prepare
from tests.e2e.real import Tool


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all of them if none is named")
    parser.add_argument("--abi", default="x86_64", help="ABIs separated by commas, or all")
    parser.add_argument("--dtypes", default="default", choices=["default", "all"])
    parser.add_argument("--suite", default="float", choices=["float", "quantized"])
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("build-runtime"))
    parser.add_argument("--keep", type=Path, help="write the models and runtimes to this folder")
    options = parser.parse_args()
    abis = [it.value for it in Abi] if options.abi == "all" else options.abi.split(",")
    every = options.dtypes == "all"
    quantized = options.suite == "quantized"
    dtypes = KNOWN_DTYPES if every else DEFAULT_DTYPES
    dtypes |= QUANTIZED_DTYPES if quantized else frozenset()
    suite = QUANTIZED if quantized else MODELS
    wanted = [by_name()[name] for name in options.models] or list(suite)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="build-runtime-coverage-") as scratch:
        folder = (options.keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        prepared = prepare(folder, dtypes, [it for it in wanted if not it.missing])
        tool = Tool(options.cache.resolve())
        for abi in abis:
            runtime = build(tool, abi, prepared, folder / "dist", all_dtypes=every)
            size, seconds = runtime.summary["library_bytes"], runtime.summary["seconds"]
            operators = len(runtime.summary["operators"])
            print(f"{abi}: {operators} operators, {size:,} bytes, {seconds:.0f} s")  # noqa: T201
            for each in prepared:
                found = run(each, runtime, folder)
                failed += bool(found)
                state = "FAILED" if found else "passed"
                cases = len(each.cases)
                print(f"{abi:12} {state} {each.coverage.name} ({cases} cases)")  # noqa: T201
                for line in found[:12]:
                    print(f"    {line}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
