"""Measure what the project promises, on this machine, in one run, and print a table.

    python benchmarks/figures.py [--abi arm64-v8a] [--cache DIR] [--json]

It makes a cold build (minutes): an empty cache but for the sources, which come from `--cache` (by
default the cache users have) and are fetched first if they are not there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

from builder.foundation.machine import usable_cores

ROOT: Final = Path(__file__).parents[1]
EXAMPLES: Final = ROOT / "examples"
REPEATS: Final = 5

UPSTREAM_BYTES: Final = 43_500_000
"""The same model and operators through upstream's own list-based selective build of 2.6.0."""

COUNTING: Final = """\
import sys
from pathlib import Path

STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
started = []
sys.addaudithook(lambda event, _: started.append(event) if event in STARTS else None)
from builder.cli import main

code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(str(len(started)))
sys.exit(code)
"""


CONVERTING: Final = """\
import runpy, sys, torch

example, folder, lite = sys.argv[1:]
sys.argv = [example, f"{folder}/mobilenet_v2"]
runpy.run_path(f"{example}/make_model.py", run_name="__main__")
torch.jit.load(f"{folder}/mobilenet_v2/model.pt")._save_for_lite_interpreter(lite)
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `goal` is empty where there is none."""

    what: str
    value: str
    goal: str = ""


class Bench:
    """Runs the command line of this checkout in a scratch folder with a cache of its own."""

    def __init__(self, scratch: Path) -> None:
        """Begin with nothing cached."""
        self.scratch = scratch
        self.cache = scratch / "cache"
        self.cache.mkdir()

    def timed(self, *words: object, cache: Path | None = None) -> tuple[float, str]:
        """Run Python with arguments; return seconds and stdout."""
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=self.scratch, env=self._env(cache or self.cache), text=True, check=True,
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return time.perf_counter() - began, done.stdout

    def build(self, name: str, abi: str) -> tuple[float, dict[str, Any]]:
        """Build an example and run it on its inputs; return seconds and the summary."""
        seconds, told = self.timed("-m", "builder", *self._words(name, abi), "--json")
        (summary,) = json.loads(told)["targets"]
        return seconds, summary

    def again(self, name: str, abi: str) -> tuple[float, int]:
        """Repeat a build in a counting process; return seconds and processes it started."""
        counted = self.scratch / "started"
        seconds, told = self.timed("-c", COUNTING, counted, *self._words(name, abi))
        assert "up to date" in told, told
        return seconds, int(counted.read_text())

    def _words(self, name: str, abi: str) -> tuple[object, ...]:
        folder = self.scratch / name
        if not folder.is_dir():
            self.timed("-W", "ignore", EXAMPLES / name / "make_model.py", folder)
        output = self.scratch / f"dist-{name}"
        return (folder / "model.pt", "--abi", abi, "--input", folder / "inputs.pt", "-o", output)

    def _env(self, cache: Path) -> dict[str, str]:
        kept = {name: it for name, it in os.environ.items() if not name.startswith("BUILD_RUNTIME")}
        return {**kept, "PYTHONPATH": str(ROOT), "BUILD_RUNTIME_CACHE_DIR": str(cache)}


def figures(bench: Bench, abi: str, sources: Path) -> Iterator[Figure]:
    """Measure everything; the order matters, as later builds use what earlier ones left."""
    model = EXAMPLES / "classifier" / "model.pt"
    started = [bench.timed("-m", "builder", "--help")[0] for _ in range(REPEATS)]
    bare = [bench.timed("-c", "pass")[0] for _ in range(REPEATS)]
    yield Figure(
        "import and --help, median (of which Python itself)",
        f"{statistics.median(started):.2f} s ({statistics.median(bare):.2f} s)",
        "0.30 s",
    )
    path = bench.scratch / "mobilenet_v2.ptl"
    bench.timed("-W", "ignore", "-c", CONVERTING, EXAMPLES / "mobilenet_v2", bench.scratch, path)
    inspected = [bench.timed("-m", "builder", "inspect", path)[0] for _ in range(REPEATS)]
    yield Figure(
        f"inspect a .ptl of {path.stat().st_size / 1e6:.0f} MB (MobileNetV2), median",
        f"{statistics.median(inspected):.2f} s",
        "0.30 s",
    )
    # what a cold build may have: the sources, and nothing else
    bench.timed("-m", "builder", "plan", model, "--abi", abi, cache=sources)
    (bench.cache / "sources").symlink_to(sources / "sources")

    seconds, summary = bench.build("mobilenet_v2", abi)
    size, objects = summary["library_bytes"], summary["objects"]
    yield Figure(f"MobileNetV2 fp32, {abi}, stripped library", f"{size:,} bytes", "2,300,000 bytes")
    yield Figure("  upstream's selective build over it", f"{UPSTREAM_BYTES / size:.1f} x")
    yield Figure(
        "  deflated (what a download adds)", f"{summary['library_download_bytes']:,} bytes"
    )
    yield Figure(
        f"cold build with verification, {usable_cores()} cores",
        f"{seconds:.0f} s, {objects['compiled']} files compiled", "360 s",
    )  # fmt: skip
    second, delta = bench.build("lstm_text", abi)
    yield Figure(
        "second model (LSTM) on top",
        f"{second:.0f} s, {delta['objects']['compiled']} compiled,"
        f" {delta['objects']['reused']} of {delta['objects']['linked']} reused",
        "its delta only",
    )
    yield Figure("  cold build over it", f"{seconds / second:.1f} x")
    repeated = [bench.again("mobilenet_v2", abi) for _ in range(REPEATS)]
    yield Figure(
        "the same command again, median",
        f"{statistics.median(it[0] for it in repeated):.2f} s,"
        f" {max(it[1] for it in repeated)} processes started",
        "2 s, 0 processes",
    )


def main() -> None:
    """Print the figures as a Markdown table, or as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--abi", default="arm64-v8a")
    parser.add_argument("--cache", type=Path, help="a cache that has the sources, or will")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chosen = options.cache or os.environ.get("BUILD_RUNTIME_CACHE_DIR")
    sources = Path(chosen or platformdirs.user_cache_path("build-runtime")).resolve()
    with tempfile.TemporaryDirectory(prefix="build-runtime-figures-") as scratch:
        measured = tuple(figures(Bench(Path(scratch)), options.abi, sources))
    if options.json:
        print(json.dumps([asdict(figure) for figure in measured], indent=2))
        return
    print("| what | measured | goal |\n|---|---|---|")
    for figure in measured:
        print(f"| {figure.what} | {figure.value} | {figure.goal} |")


if __name__ == "__main__":
    main()
