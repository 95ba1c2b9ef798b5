"""The promises of `build_runtime.h` about threads and memory, kept by a plain C program."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.real import Runtime
from tests.places import ROOT

SOURCE: Final = ROOT / "tests" / "native" / "consumers" / "c" / "threads.c"
SHAPE: Final = ("1", "3", "16", "16")
FLAGS: Final = (
    "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-pedantic", "-Wall", "-Wextra", "-Werror", "-pthread",
)  # fmt: skip


@pytest.fixture
def program(
    runtime: Callable[[str, str], Runtime],
    tmp_path: Path,
    require: Callable[[str], Path],
) -> tuple[Path, Path]:
    """Build the program against a package; return it and the model."""
    made = runtime("classifier", "x86_64")
    built = tmp_path / "threads"
    library = made.prefix / "lib"
    places = (f"-I{made.prefix / 'include'}", f"-L{library}", f"-Wl,-rpath,{library}")
    subprocess.run(
        [require("gcc"), *FLAGS, SOURCE, "-o", built, *places, "-lbuild_runtime"], check=True
    )
    return built, made.model("model")


def run(program: tuple[Path, Path], *words: str) -> list[str]:
    done = subprocess.run(
        [*program, *words, *SHAPE], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_eight_threads_get_the_answer_of_one(program: tuple[Path, Path]) -> None:
    (alone,) = run(program, "own", "1", "1")
    for how in ("share", "own"):
        (line,) = run(program, how, "8", "50")
        assert line.removeprefix("8 threads: ") == alone.removeprefix("1 threads: ")


@pytest.mark.parametrize(("how", "count"), [("reload", "1000"), ("rerun", "10000")])
def test_loads_and_runs_leave_nothing_behind(
    program: tuple[Path, Path], how: str, count: str
) -> None:
    lines = run(program, how, count)
    sizes = [int(line.split(": ")[1].removesuffix(" KB")) for line in lines]
    assert len(sizes) == 10
    # the allocator has settled after the first tenth; 300 bytes a load, or 30 a run, would show
    assert max(sizes[1:]) - sizes[1] < 256, lines


def test_threads_without_work_cost_nothing(program: tuple[Path, Path]) -> None:
    (line,) = run(program, "idle", "4")
    assert float(line.split(": ")[1].removesuffix(" ms")) < 5, line
