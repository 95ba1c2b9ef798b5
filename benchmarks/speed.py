"""Measure how fast runtimes are beside torch: one table for all models of `tests/measured.py`.

    python benchmarks/speed.py OUTDIR [--abi x86_64] [--peers] [--instructions] [--rounds 9]

OUTDIR keeps the models and the runtimes, so that a second call measures alone. Objects come from
the cache that users have, or `BUILD_RUNTIME_CACHE_DIR`. With `--peers` ONNX Runtime is installed
into a scratch environment, which takes its torch from this one. With `--instructions` the arm64
runtimes are built, too, and count under qemu.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.measured import SPECS, write

ROOT: Final = Path(__file__).parents[1]
ARM: Final = "arm64-v8a"
PEER: Final = ("onnxruntime", "onnx")
UNTRIED: Final = {
    "executorch": "it pins a torch of its own, so that nothing here can be loaded beside it",
}
"""Peers that are not measured here, and why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    value: str


class Bench:
    """Builds and measures with the command line of this checkout."""

    def __init__(self, folder: Path, rounds: int) -> None:
        """Keep everything in a folder."""
        self.folder = folder
        self.rounds = str(rounds)

    def model(self, name: str) -> Path:
        """Return the `.pt` of a model, made once."""
        path = self.folder / f"{name}.pt"
        return path if path.is_file() else write(name, self.folder)

    def build(self, model: Path, abi: str) -> Path:
        """Return the runtime of a model as a folder."""
        output = self.folder / "dist" / model.stem
        self._tool(sys.executable, model, "--abi", abi, *self._inputs(model), "-o", output)
        return output / f"linux-{abi}"

    def measure(
        self, runtime: Path, model: Path, *words: str, python: str = sys.executable
    ) -> dict[str, Any]:
        """Return what `bench` answers."""
        told = self._tool(
            python, "bench", runtime, model, *self._inputs(model), "--rounds", self.rounds,
            *words, "--json",
        )  # fmt: skip
        document: dict[str, Any] = json.loads(told)
        return document

    def peer_python(self) -> str:
        """Return a Python that has the peer beside what this one has."""
        scratch = self.folder / "peers"
        python = scratch / "bin" / "python"
        if not python.is_file():
            subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True)
            (site,) = scratch.glob("lib/python3*/site-packages")
            (site / "beside.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        return str(python)

    @staticmethod
    def _inputs(model: Path) -> tuple[object, ...]:
        return ("--input", model.with_suffix(".inputs"))

    @staticmethod
    def _tool(python: str, *words: object) -> str:
        done = subprocess.run(
            [python, "-m", "builder", *map(str, words)],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, text=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        return done.stdout


def figures(bench: Bench, abi: str, *, peers: bool, instructions: bool) -> Iterator[Figure]:
    """Build and measure all models."""
    for name in SPECS:
        model = bench.model(name)
        for path in (model, model.with_suffix(".ptl")):
            yield from _beside_torch(bench, bench.build(path, abi), path)
        if peers:
            yield _beside_peer(bench, bench.folder / "dist" / name / f"linux-{abi}", model)
        if instructions:
            yield from _instructions(bench, bench.build(model, ARM), model)
    yield from (Figure(f"{name}: not measured", why) for name, why in UNTRIED.items() if peers)


def _beside_torch(bench: Bench, runtime: Path, model: Path) -> Iterator[Figure]:
    told = bench.measure(runtime, model, "--against", "torch", "--threads", "1,2")
    one, two = told["rows"]
    against = one["against"]
    yield Figure(f"{model.name} / {against['name']}, 1 thread", _ratio(against["cpu_ratio"]))
    if model.suffix == ".pt":
        yield Figure("  2 threads / 1 thread, clock", f"{two['wall_us'] / one['wall_us']:.2f}")
        yield Figure("  first run / steady run", f"{one['first_to_steady']:.2f}")
        yield Figure(
            "  load, first run, run, memory",
            f"{one['load_us'] / 1e3:.1f} ms, {one['first_us'] / 1e3:.1f} ms,"
            f" {one['wall_us'] / 1e3:.1f} ms, {one['peak_kib'] / 1024:.1f} MB",
        )
    yield Figure("  library", f"{told['library_bytes']:,} bytes")


def _beside_peer(bench: Bench, runtime: Path, model: Path) -> Figure:
    told = bench.measure(runtime, model, "--against", PEER[0], python=bench.peer_python())
    against = told["rows"][0]["against"]
    return Figure(f"{model.name} / {against['name']}, 1 thread", _ratio(against["cpu_ratio"]))


def _instructions(bench: Bench, runtime: Path, model: Path) -> Iterator[Figure]:
    told = bench.measure(runtime, model, "--instructions")
    yield Figure(f"{model.name}, {ARM}: instructions", f"{told['instructions'] / 1e6:,.1f} million")
    yield Figure("  library", f"{told['library_bytes']:,} bytes")


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})"


def main() -> None:
    """Print the figures as a Markdown table, each as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="OUTDIR", help="made if missing")
    parser.add_argument("--abi", default="x86_64")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--instructions", action="store_true")
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print("| what | measured |\n|---|---|")
    bench = Bench(folder, options.rounds)
    for it in figures(bench, options.abi, peers=options.peers, instructions=options.instructions):
        print(f"| {it.what} | {it.value} |", flush=True)


if __name__ == "__main__":
    main()
