"""What `speed_benchmark_torch` says when a model does not come to its end, or is none."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.places import ROOT

TOOL: Final = ROOT / "native" / "tools" / "speed_benchmark_torch"
FLAGS: Final = ("-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'native' / 'include'}")


@pytest.fixture(scope="module")
def run(
    require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], subprocess.CompletedProcess[str]]:
    program = tmp_path_factory.mktemp("tool") / TOOL.name
    sources = (Path(__file__).with_name("fragile_runtime.c"), *sorted(TOOL.glob("*.c")))
    # what reads values is not called here
    words = (*FLAGS, *sources, "-no-pie", "-Wl,--unresolved-symbols=ignore-all", "-o", program)
    subprocess.run([require("gcc"), *map(str, words)], check=True)

    def started(model: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, f"--model={model}", "--no_inputs"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return started


def test_what_was_begun_is_told_though_the_model_crashes(
    run: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    """Into a pipe, too, as scripts and `adb` read it."""
    done = run("crash")
    assert done.returncode == -signal.SIGABRT
    assert done.stdout.splitlines()[:2] == ["Starting benchmark.", "Running warmup runs."]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("not a lite-interpreter model: it has no bytecode (save it so)", 1),
        ("the model is damaged: data.pkl", 0),
        ("the model has bytecode version 99", 0),
    ],
)
def test_only_what_was_never_converted_is_to_be(
    run: Callable[[str], subprocess.CompletedProcess[str]], reason: str, told: int
) -> None:
    done = run(reason)
    assert done.returncode == 1
    assert f"error: {reason}\n" in done.stderr
    assert done.stderr.count("fix: convert it where it was exported") == told
