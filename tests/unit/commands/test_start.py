"""What a command loads: help and simple answers come at once."""

import subprocess
import sys
from typing import Final

import pytest

from tests.cpu_time import cpu_seconds
from tests.places import ROOT

pytestmark = pytest.mark.native

HEAVY: Final = ("torch", "numpy", "yaml", "jinja2", "rich", "elftools", "builder.pipeline")
PROBE: Final = """
import sys
from builder.cli import main
status = main(sys.argv[1:])
print(status, *sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["build", "--help"], ["plan", "--help"]]
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROBE, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    status, *modules = told.stderr.split()
    assert status == "0"
    assert told.stdout
    assert not set(HEAVY) & set(modules)


def test_help_is_there_within_a_third_of_a_second() -> None:
    best = min(seconds() for _ in range(5))
    assert best < 0.3, f"{best:.3f} s"


def seconds() -> float:
    return cpu_seconds([sys.executable, "-m", "builder", "--help"])
