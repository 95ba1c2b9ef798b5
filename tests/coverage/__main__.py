"""Run the coverage models by hand: `python -m tests.coverage --suite everything --abi all [MODEL...]`.

Builds one runtime with everything the models call, runs each model in it, and compares with desktop
torch. Prints one line per model and ABI; exit 1 when any differs.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import platformdirs

from builder.vocabulary.targets import Abi
from tests.coverage.runs import build, run
from tests.coverage.suite import SUITES, by_name, prepare
from tests.e2e.real import Tool


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="the suite's, if none is named")
    parser.add_argument("--abi", default="x86_64", help="ABIs separated by commas, or all")
    parser.add_argument("--suite", default="dense", choices=SUITES)
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("build-runtime"))
    parser.add_argument("--keep", type=Path, help="write the models and runtimes to this folder")
    options = parser.parse_args()
    abis = [it.value for it in Abi] if options.abi == "all" else options.abi.split(",")
    suite = SUITES[options.suite]
    if options.models:
        suite = replace(suite, models=tuple(by_name()[name] for name in options.models))
    failed = 0
    with tempfile.TemporaryDirectory(prefix="build-runtime-coverage-") as scratch:
        folder = (options.keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        prepared = prepare(folder, suite)
        tool = Tool(options.cache.resolve())
        for abi in abis:
            runtime = build(tool, abi, prepared, folder / "dist", all_dtypes=suite.all_dtypes)
            size, seconds = runtime.summary["library_bytes"], runtime.summary["seconds"]
            operators = len(runtime.summary["operators"])
            print(f"{abi}: {operators} operators, {size:,} bytes, {seconds:.0f} s", flush=True)  # noqa: T201
            for each in prepared:
                found = run(each, runtime, folder)
                failed += bool(found)
                state = "FAILED" if found else "passed"
                cases = len(each.cases)
                print(f"{abi:12} {state} {each.coverage.name} ({cases} cases)", flush=True)  # noqa: T201
                for line in found[:12]:
                    print(f"    {line}", flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
