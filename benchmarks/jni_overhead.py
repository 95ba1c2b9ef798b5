"""What a call from Java costs: a forward of `x + 1` on one element, beside one through the C API.

    python benchmarks/jni_overhead.py OUTDIR

It builds the model for x86_64, on such a machine, and needs a JDK. Threads: one.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import torch

JAVA: Final = Path(__file__).parent / "java"
ABI: Final = "x86_64"
WARM: Final = 20_000
RUNS: Final = 200_000


class AddOne(torch.nn.Module):
    """The smallest model that computes."""

    def __init__(self) -> None:
        """Keep one element."""
        super().__init__()
        self.one = torch.ones(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x + 1`."""
        return x + 1

    @torch.jit.export
    def get_all_bundled_inputs(self) -> list[tuple[torch.Tensor]]:
        """Return what it is timed on through the C API."""
        return [(self.one,)]


def main() -> None:
    """Print both, and the difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("outdir", type=Path, help="folder for the runtime")
    outdir = parser.parse_args().outdir.resolve()
    outdir.mkdir(parents=True, exist_ok=True)
    prefix = build(outdir)
    model = prefix / "share/build_runtime/models/add.ptl"
    native = through_c(prefix, model)
    closed, left = through_java(prefix, model, outdir)
    sys.stdout.write(
        f"C API                     {native:6.2f} us\n"
        f"Java, answers closed      {closed:6.2f} us  (+{closed - native:.2f})\n"
        f"Java, left to be freed    {left:6.2f} us  (+{left - native:.2f})\n"
    )


def build(outdir: Path) -> Path:
    """Build the model with the classes for Java; return the folder of the runtime."""
    model = outdir / "add.pt"
    torch.jit.script(AddOne()).save(str(model))  # type: ignore[no-untyped-call]
    words = ("--abi", ABI, "--platform", "linux", "--java", "on", "--no-verify", "-o", outdir)
    _output(sys.executable, "-m", "builder", model, *words)
    return outdir / f"linux-{ABI}"


def through_c(prefix: Path, model: Path) -> float:
    """Return the median of runs through the C API, in microseconds."""
    words = (model, "--bundled", "--threads", "1", "--warmup", WARM, "--bench", RUNS)
    told = _output(prefix / "bin/build-runtime-run", *words)
    median: float = json.loads(told)["latency_us"]["median"]
    return median


def through_java(prefix: Path, model: Path, scratch: Path) -> tuple[float, float]:
    """Return the same for Java: where answers are closed, and where they are left to be freed."""
    jar = prefix / "share/java/build_runtime.jar"
    _output("javac", "-cp", jar, "-d", scratch, JAVA / "Overhead.java")
    library = f"-Djava.library.path={prefix / 'lib'}"
    classes = f"{jar}:{scratch}"
    told = _output("java", "-XX:+UseSerialGC", library, "-cp", classes, "Overhead", model)
    closed, left = map(float, told.split())
    return closed, left


def _output(*words: object) -> str:
    return subprocess.run(
        list(map(str, words)), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    main()
